import { TARGETS } from "../../shared/behind/marks.ts";
import type { Access } from "../access.ts";
import { readBehind, type Waiting } from "../behind/read.ts";
import { search } from "../parked/filter.ts";
import { ago, number } from "../text.ts";
import type { Line } from "./line.ts";

const LATE_MS = 15 * 60_000;
const EVERYTHING = { matches: () => true };

/** What waits by itself; not well once somebody waits for a quarter of an hour. */
export async function lineOfBehind(access: Pick<Access, "behind" | "breakers">, now: number): Promise<Line> {
  const found = await readBehind(access, TARGETS, undefined, now);
  const waiting = found.filter(({ count }) => count > 0);
  const moving = found.reduce((sum, { onTheirWay }) => sum + onTheirWay, 0);
  const onTheirWay = moving > 0 ? `; ${number(moving)} on their way` : "";
  if (waiting.length === 0) return { name: "behind", ok: true, text: `nobody waits${onTheirWay}` };
  const describe = ({ target, count, oldest = "" }: Waiting) =>
    `${number(count)} for ${target}, the oldest since ${ago(oldest, now)}`;
  const text = `${waiting.map(describe).join("; ")}${onTheirWay}`;
  const late = waiting.some(({ oldest = "" }) => now - Date.parse(oldest) > LATE_MS);
  return late ? { name: "behind", ok: false, text, advice: "see 'fleet behind'" } : { name: "behind", ok: true, text };
}

/** What waits for a person; not well as soon as anything does. */
export async function lineOfParked({ parked }: Pick<Access, "parked">, now: number): Promise<Line> {
  const [open, redriven] = await Promise.all([
    search(parked, "parked", EVERYTHING),
    search(parked, "redriven", EVERYTHING),
  ]);
  const moving = redriven.length > 0 ? `; ${number(redriven.length)} redriven` : "";
  const oldest = open.at(-1);
  if (!oldest) return { name: "parked", ok: true, text: `nothing waits for a person${moving}` };
  const text = `${number(open.length)} for a person, the oldest ${ago(oldest.parkedAt, now)}${moving}`;
  return { name: "parked", ok: false, text, advice: "see 'fleet parked'" };
}

/** Which targets are not called for now. */
export async function lineOfBreakers({ breakers }: Pick<Access, "breakers">, now: number): Promise<Line> {
  const open = (await breakers.list()).filter(({ state }) => state !== "closed");
  if (open.length === 0) return { name: "breakers", ok: true, text: "all closed" };
  const text = open
    .map(
      ({ target, endpoint, since, code, state }) =>
        `${target} (${endpoint}) ${state} since ${ago(since, now)}: ${code}`,
    )
    .join("; ");
  const refused = open.find(({ needsPerson }) => needsPerson);
  const advice = refused
    ? `replace the secret of ${refused.target}; everything that waits then goes on by itself`
    : "nothing to do: what waits goes on by itself when the target answers again";
  return { name: "breakers", ok: false, text, advice };
}
