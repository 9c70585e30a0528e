import { invalidPattern } from "./errors.ts";

const STAR = Symbol("*");
type Item = string | typeof STAR;

/**
 * More prefixes of a pattern than this may not be open at the same time. EventBridge does not publish its bound; this
 * one lies between what it takes (`/Users/*` + five times `/dir`) and what it refuses (`*:*:*:*:*:event-bus/*`).
 */
const MAXIMUM_OPEN_PREFIXES = 10;
/** Sets of open prefixes that are looked at before a pattern counts as too complex. */
const MAXIMUM_SETS = 5000;

/**
 * Compiles a wildcard pattern: `*` stands for any characters, `\*` and `\\` for themselves.
 * https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html#eb-filtering-wildcard-matching
 * @throws AwsError `InvalidEventPatternException` for `**`, for other escapes, and for patterns that are too complex
 */
export function compileWildcard(pattern: string): (value: string) => boolean {
  const items = parse(pattern);
  if (isTooComplex(items))
    throw invalidPattern(
      "Rule is too complex - try using fewer wildcard characters or fewer repeating character sequences after a wildcard character",
    );
  const segments: string[] = [""];
  for (const item of items) {
    if (item === STAR) segments.push("");
    else segments[segments.length - 1] += item;
  }
  return (value) => matches(segments, value);
}

/** Positions in errors count bytes, after the opening quote of the JSON string. */
function parse(pattern: string): Item[] {
  const items: Item[] = [];
  const characters = [...pattern];
  for (let i = 0; i < characters.length; i += 1) {
    const [character, next] = [characters[i] as string, characters[i + 1]];
    const position = () => Buffer.byteLength(characters.slice(0, i).join("")) + 1;
    if (character === "*") {
      if (next === "*") throw invalidPattern(`Consecutive wildcard characters at pos ${position()}`);
      items.push(STAR);
    } else if (character === "\\") {
      if (next !== "*" && next !== "\\") throw invalidPattern(`Invalid escape character at pos ${position()}`);
      items.push(next);
      i += 1;
    } else items.push(character);
  }
  return items;
}

/** The first segment is a prefix, the last a suffix, and those between follow each other. */
function matches(segments: readonly string[], value: string): boolean {
  const [first = "", ...rest] = segments;
  const last = rest.pop();
  if (last === undefined) return value === first;
  if (!value.startsWith(first)) return false;
  let at = first.length;
  for (const segment of rest) {
    const found = value.indexOf(segment, at);
    if (found < 0) return false;
    at = found + segment.length;
  }
  return value.length - last.length >= at && value.endsWith(last);
}

/** Walks over every set of prefixes that some value keeps open at once, as an automaton would. */
function isTooComplex(items: readonly Item[]): boolean {
  const alphabet = new Set<Item>([STAR, ...items]);
  const start = closure(items, [0]);
  const seen = new Set([start.join()]);
  const queue = [start];
  for (const open of queue) {
    if (open.length >= MAXIMUM_OPEN_PREFIXES || seen.size > MAXIMUM_SETS) return items.includes(STAR);
    for (const character of alphabet) {
      const next = closure(items, step(items, open, character));
      if (next.length > 0 && !seen.has(next.join())) {
        seen.add(next.join());
        queue.push(next);
      }
    }
  }
  return false;
}

/** One character further; `STAR` stands for any character that the pattern does not name. */
function step(items: readonly Item[], open: readonly number[], character: Item): number[] {
  return open.flatMap((at) => {
    if (items[at] === STAR) return [at];
    return items[at] === character ? [at + 1] : [];
  });
}

/** A wildcard may stand for nothing: what follows it is open too. */
function closure(items: readonly Item[], open: readonly number[]): number[] {
  const all = new Set(open);
  for (const at of all) if (items[at] === STAR) all.add(at + 1);
  return [...all].filter((at) => at < items.length).sort((a, b) => a - b);
}
