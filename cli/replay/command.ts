import { randomUUID } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import { parseArgs } from "node:util";
import { accessTo } from "../access.ts";
import { progressBar } from "../progress.ts";
import { stackOf } from "../stack.ts";
import { momentOrSpan, UsageError, type Work } from "../usage.ts";
import { isOver, type ReplayStatus, readReplay, startReplay } from "./replays.ts";

export const summary = "runs the fleet's own events of a time again through customer-sync";
export const help = `Replays the fleet bus's archive to the rules of customer-sync alone: every
customer.changed and customer.deleted of a time runs again. Older versions lose,
so what is right stays as it is: nobody is told again, and nothing is written
back anew. Use it after a mistake of ours in customer-sync, or when its queue
was emptied.

usage: fleet replay --from <when> [--to <when>] [options]

  --from <when>   beginning: a span such as 2h, or a moment such as
                  2026-11-22T10:00:00Z
  --to <when>     end; default: now
  --no-wait       start it and print its name, without waiting for its end
  --json          how it ended, as JSON
  --stage <s>     stage of the fleet; default: the fleet on this machine, else
                  dev

The archive keeps events for 30 days, and has them some minutes after they
happened. The partner buses, on which Salesforce sends, have no archive: for
changes that never became an event of the fleet see 'fleet catch-up' and 'fleet
sweep'.
Exit codes: 0 done, 1 failed, 2 wrong usage.`;

const POLL_MS = 1_000;

/** Reads the arguments of `fleet replay`. */
export function prepare(args: string[]): Work {
  const { values } = parseArgs({
    args,
    options: {
      from: { type: "string" },
      to: { type: "string" },
      "no-wait": { type: "boolean", default: false },
      json: { type: "boolean", default: false },
      stage: { type: "string" },
    },
  });
  const now = new Date();
  if (values.from === undefined) throw new UsageError("give --from, such as 2h");
  const from = momentOrSpan("--from", values.from, now.getTime());
  const to = values.to === undefined ? now.toISOString() : momentOrSpan("--to", values.to, now.getTime());
  if (from >= to) throw new UsageError(`--from ${from} is not before the end, ${to}`);
  return async () => {
    const stack = stackOf(values.stage);
    const { events } = accessTo(stack);
    const name = await startReplay(events, stack, { from, to }, now, randomUUID().slice(0, 8));
    console.error(`Replays the events from ${from} to ${to} to customer-sync.`);
    if (values["no-wait"]) {
      console.log(values.json ? JSON.stringify({ name }) : name);
      return 0;
    }
    const status = await waitFor(() => readReplay(events, name));
    const { state, reason } = status;
    console.log(
      values.json ? JSON.stringify(status, null, 2) : `${name}  ${state.toLowerCase()}${reason ? `: ${reason}` : ""}`,
    );
    return state === "COMPLETED" ? 0 : 1;
  };
}

async function waitFor(read: () => Promise<ReplayStatus>): Promise<ReplayStatus> {
  const bar = progressBar(100, "replayed", { unit: "%" });
  try {
    for (;;) {
      const status = await read();
      bar.show(Math.round(status.share * 100));
      if (isOver(status)) return status;
      await pause(POLL_MS);
    }
  } finally {
    bar.end();
  }
}
