import { readFileSync } from "node:fs";
import { text } from "node:stream/consumers";
import { UsageError } from "../usage.ts";
import { ask } from "./ask.ts";
import type { Member, Members } from "./systems.ts";

/** Options of the command line by their flags. */
export type Flags = Readonly<Record<string, string | boolean | undefined>>;

/**
 * What a person gave of a connection, by flags or as one JSON object on standard input; flags win.
 * @throws UsageError, which never quotes what was given
 */
export async function givenMembers(members: readonly Member[], flags: Flags): Promise<Members> {
  const piped = flags.stdin ? objectIn(await text(process.stdin)) : {};
  const named = members.flatMap(({ name, flag, isFile }) => {
    const value = flags[flag];
    return typeof value === "string" ? [[name, isFile ? contentOf(flag, value) : value]] : [];
  });
  return { ...piped, ...Object.fromEntries(named) };
}

/**
 * Asks for what is missing, where somebody can be asked.
 * @throws UsageError with the flags that would be needed
 */
export async function complete(members: readonly Member[], given: Members, flags: Flags): Promise<Members> {
  const whole: Record<string, unknown> = { ...given };
  const needed = members.filter(
    ({ name, question, unless }) => question && whole[name] === undefined && !(unless && whole[unless] !== undefined),
  );
  if (needed.length > 0 && !canAsk(flags))
    throw new UsageError(`give ${needed.map(({ flag }) => `--${flag}`).join(", ")}, or all as JSON with --stdin`);
  for (const { name, question = "", isSecret = false } of needed) whole[name] = await ask(question, isSecret);
  for (const { name, fallback } of members) if (fallback !== undefined) whole[name] ??= fallback;
  return whole;
}

/** Asks for the new value of the secrets that a connection has. @throws UsageError where nobody can be asked */
export async function renew(members: readonly Member[], before: Members, flags: Flags): Promise<Members> {
  const secrets = members.filter(({ name, isSecret }) => isSecret && before[name] !== undefined);
  const typed = secrets.filter(({ question }) => question);
  if (typed.length === 0 || !canAsk(flags))
    throw new UsageError(
      `give what is new: ${secrets.map(({ flag }) => `--${flag}`).join(", ")}, or JSON with --stdin`,
    );
  const renewed: Record<string, string> = {};
  for (const { name, question = "" } of typed) renewed[name] = await ask(`New: ${question}`, true);
  return renewed;
}

function canAsk({ stdin }: Flags): boolean {
  return !stdin && process.stdin.isTTY === true;
}

/** The object in a text. @throws UsageError that does not quote it */
export function objectIn(given: string): Members {
  try {
    const value: unknown = JSON.parse(given);
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Members;
  } catch {
    // Said below, for the parser quotes what it could not read.
  }
  throw new UsageError("--stdin takes one JSON object with the members of the connection");
}

function contentOf(flag: string, path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw new UsageError(`--${flag} cannot be read: ${(error as NodeJS.ErrnoException).code}`);
  }
}
