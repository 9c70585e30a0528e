const FILTERS = `filters
  --reason <text>    error's name or code, or a part of its message
  --hop <text>       where it stopped, or a part of it: UpsertBilling,
                     write-back, salesforce/sweep
  --org <id>         Salesforce organisation
  --customer <id>    account, 15 or 18 characters
  --since <when>     parked since then: a span such as 2h or 3d, or a moment
                     such as 2026-11-22T10:00:00Z
  --until <when>     parked before then`;

const STAGE = `  --stage <s>        stage of the fleet; default: the fleet on this machine,
                     else dev`;

const CHOSEN = `  --all              everything that is parked
  --dry-run          say what would be done, and do nothing
  --rate <n>         at most so many a second; default 10
  --json             the results as JSON
${STAGE}

An id may be shortened to a beginning of at least four characters that no other
open work has. What has ended is skipped.
Exit codes: 0 done, or nothing was there to be done; 1 something stayed parked
(of a dry run: would stay), or an id is of nothing; 2 wrong usage.`;

export const help = `Work that could not be done, and that waiting does not mend. A newer version of
its customer closes it by itself; the rest is for a person.

usage: fleet parked [filters] [options]
       fleet parked show <id>
       fleet parked redrive <id …> | <filters> | --all
       fleet parked discard <id …> | <filters> | --all  --reason "…"

'fleet parked redrive --help' says more of redrive, and so on.

${FILTERS}

options
  --status <s>       list what is parked (default), redriven, done, superseded
                     or discarded
  --limit <n>        list so many; default 20
  --json             the findings as JSON
${STAGE}

What has ended is kept for 90 days.
Exit codes: 0 done, 1 failed, 2 wrong usage.`;

/** Of each verb its own. */
export const parts: Readonly<Record<string, string>> = {
  show: `Shows one piece of parked work: its whole input, the error, trace, tries and
history, and what to do about it.

usage: fleet parked show <id> [options]

  --json             as JSON
${STAGE}

An id may be shortened to a beginning of at least four characters that no other
open work has, or else no other that has ended.
Exit codes: 0 done, 1 there is no such work, 2 wrong usage.`,

  redrive: `Takes parked work up again: brings its customer to the newest version. What has
happened already is not repeated.

usage: fleet parked redrive <id …> | <filters> | --all [options]

${FILTERS}

options
${CHOSEN}`,

  discard: `Gives parked work up, until Salesforce changes its customer again. Its history
keeps the reason.

usage: fleet parked discard <id …> | <filters> | --all  --reason "…" [options]

${FILTERS.replace("--reason <text>", "--error <text> ")}

options
  --reason "…"       why it is given up, in words that others understand later
${CHOSEN}`,
};
