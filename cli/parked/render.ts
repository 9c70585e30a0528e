import type { RedriveResult } from "../../shared/parked/redrive.ts";
import type { ParkedItem, ParkedSummary } from "../../shared/parked/work.ts";
import { ago, columns, count, duration, number, printable, short } from "../text.ts";
import type { Paint } from "../trace/render.ts";
import { adviceFor } from "./advice.ts";

const HOUR_MS = 3_600_000;
const AGES = [
  { name: "< 1 h", below: HOUR_MS },
  { name: "< 1 d", below: 24 * HOUR_MS },
  { name: "older", below: Number.POSITIVE_INFINITY },
] as const;
type Outcome = RedriveResult["outcome"];

/** How an outcome looks, and in words when they are others. */
const LOOKS: Readonly<Record<Outcome, readonly ["green" | "yellow" | "red" | "dim", mark: string, words?: string]>> = {
  redriven: ["green", "✓"],
  done: ["green", "✓"],
  superseded: ["green", "✓"],
  discarded: ["yellow", "✓"],
  skipped: ["yellow", "–"],
  failed: ["red", "✗"],
  missing: ["red", "✗"],
  "would-redrive": ["dim", "·", "would be redriven"],
  "would-close-as-done": ["dim", "·", "would be closed as done"],
  "would-close-as-superseded": ["dim", "·", "would be closed as superseded"],
  "would-discard": ["dim", "·", "would be discarded"],
  "would-skip": ["dim", "·", "would be skipped"],
  "would-stay-parked": ["dim", "·", "would stay parked"],
};

/** Pieces of work of one reason at one hop, by age. */
export interface Group {
  readonly reason: string;
  readonly hop: string;
  readonly total: number;
  /** Younger than an hour, than a day, and older. */
  readonly byAge: readonly number[];
  /** ISO 8601. */
  readonly oldest: string;
}

/** Counts by reason, most frequent first. */
export function groupsOf(items: readonly ParkedSummary[], now: number): Group[] {
  const groups = Map.groupBy(items, (item) => `${reasonOf(item)} ${item.hop}`);
  return [...groups.values()]
    .map((some): Group => {
      const ages = some.map(({ parkedAt }) => now - Date.parse(parkedAt));
      const [first] = some as [ParkedSummary];
      return {
        reason: reasonOf(first),
        hop: first.hop,
        total: some.length,
        byAge: AGES.map(
          ({ below }, n) => ages.filter((age) => age < below && age >= (AGES[n - 1]?.below ?? -Infinity)).length,
        ),
        oldest: some.map(({ parkedAt }) => parkedAt).toSorted()[0] ?? "",
      };
    })
    .toSorted((a, b) => b.total - a.total || (a.reason < b.reason ? -1 : 1));
}

/** Counts, then the newest pieces of work. */
export function renderList(
  items: readonly ParkedSummary[],
  { status, limit, now }: { status: string; limit: number; now: number },
  paint: Paint,
): string {
  const groups = groupsOf(items, now);
  const oldest = groups.map((group) => group.oldest).toSorted()[0] ?? "";
  const head = paint("bold", `${number(items.length)} ${status}, the oldest ${ago(oldest, now)}`);
  const table = columns(
    [
      ["reason", "hop", ...AGES.map(({ name }) => name.padStart(6)), " total"],
      ...groups.map(({ reason, hop, byAge, total }) => [
        reason,
        hop,
        ...byAge.map((n) => number(n).padStart(6)),
        number(total).padStart(6),
      ]),
    ],
    "  ",
  );
  const rows = columns(
    items
      .slice(0, limit)
      .map((item) => [
        item.parkedId,
        ago(item.parkedAt, now),
        item.customerId,
        reasonOf(item),
        short(item.errorMessage, 80),
      ]),
    "  ",
  );
  const [title = "", ...counts] = table;
  const more = items.length > limit ? [`  … and ${number(items.length - limit)} more; see --limit and --json.`] : [];
  return [head, paint("dim", title), ...counts, "", paint("bold", "newest first"), ...rows, ...more].join("\n");
}

/** Everything about one piece of work, and what to do. */
export function renderItem(item: ParkedItem, now: number, paint: Paint): string {
  const traceId = /Root=([^;]+)/.exec(item.traceHeader)?.[1];
  const facts = columns(
    [
      ["status", item.status],
      ["parked", `${item.parkedAt}, ${ago(item.parkedAt, now)}`],
      ["hop", item.hop],
      ["customer", item.customerId],
      ["org", item.orgId ?? "unknown"],
      ["version", item.version ?? "unknown"],
      ["tries", String(item.tries)],
      ["trace", traceId ?? "none"],
      ["change", item.correlationId],
      ...(item.executionArn ? [["run", item.executionArn]] : []),
      ...(item.expiresAt ? [["kept for", duration(item.expiresAt * 1000 - now)]] : []),
    ],
    "  ",
  );
  const history = item.history.map(({ status, at, by, note }) => [at, status, by, short(note ?? "", 120)]);
  return [
    paint("bold", printable(item.parkedId)),
    ...facts,
    "",
    `${paint("red", printable(reasonOf(item)))}: ${printable(item.errorMessage)}`,
    `${paint("yellow", "→")} ${adviceFor(item)}`,
    "",
    paint("bold", "history"),
    ...columns(history, "  "),
    "",
    paint("bold", "input"),
    printable(prettyInput(item.input)),
  ].join("\n");
}

/** One line for what became of a piece of work, or would. */
export function renderResult(result: RedriveResult, paint: Paint): string {
  const { parkedId, customerId = "unknown", outcome, how } = result;
  const [colour, mark] = LOOKS[outcome];
  return `${paint(colour, mark)} ${printable(`${parkedId}  ${customerId}`)}  ${wordsOf(result)}: ${short(how, 200)}`;
}

/** How many ended how, or would. */
export function renderSummary(results: readonly RedriveResult[]): string {
  const dryRun = results.some((result) => result.dryRun);
  const byOutcome = [...Map.groupBy(results, wordsOf)].map(([words, some]) => `${number(some.length)} ${words}`);
  const pieces = count(results.length, "piece of work", "pieces of work");
  return `${dryRun ? "Dry run, nothing was done. Of " : ""}${pieces}: ${byOutcome.join(", ")}.`;
}

function wordsOf({ outcome }: RedriveResult): string {
  return LOOKS[outcome][2] ?? outcome;
}

function reasonOf({ errorName, errorCode }: ParkedSummary): string {
  return errorCode ? `${errorName}/${errorCode}` : errorName;
}

function prettyInput(input: string): string {
  try {
    return JSON.stringify(JSON.parse(input), null, 2);
  } catch {
    return input;
  }
}
