import { awsWords } from "../aws-errors.ts";

const MAX_LENGTH = 1_000;
const NO_WORDS = "no message was given";

/**
 * The message of an error as a person reads it. What Step Functions keeps of a failed function is the runtime's JSON with
 * a stack, cut off when it is long: https://docs.aws.amazon.com/lambda/latest/dg/nodejs-exceptions.html
 */
export function plainWords(text: string): string {
  const message = messageOf(text.trim()) ?? text;
  const lines = message.split("\n").filter((line) => !/^\s*at\s.*(:\d+|\(|<anonymous>|native)/.test(line));
  const words = lines.join("\n").trim();
  return words.length > MAX_LENGTH ? `${words.slice(0, MAX_LENGTH)}…` : words || NO_WORDS;
}

/** An error as Step Functions catches it. */
export interface Caught {
  readonly Error?: string | undefined;
  readonly Cause?: string | undefined;
}

/** A caught error as people and the table of parked work have it; `code` is the vendor's or our own, when it was told. */
export interface PlainError {
  readonly name: string;
  readonly code?: string;
  readonly message: string;
}

const CODED = /^\[([A-Za-z][\w.-]*)\]\s*(.*)$/s;

/**
 * The message of an error with its code in front, as it leaves a function: the runtime tells whoever called name and
 * message alone. Once is enough, however often the same error is thrown.
 */
export function codedMessage({ code, message }: { readonly code: string; readonly message: string }): string {
  const front = `[${code}] `;
  return message.startsWith(front) ? message : `${front}${message}`;
}

/**
 * What a state caught, in plain words, with the code that `codedMessage` put in front. Of what a service says, such as
 * `States.Runtime` with the input that it could not use, only the words that hold no data are told.
 */
export function plainError({ Error: name = "Unknown", Cause = "" }: Caught): PlainError {
  const words = plainWords(name.includes(".") ? awsWords(name, Cause) : Cause);
  const [, code, message] = CODED.exec(words) ?? [];
  return code ? { name, code, message: message || NO_WORDS } : { name, message: words };
}

function messageOf(text: string): string | undefined {
  if (!text.startsWith("{")) return undefined;
  try {
    const { errorMessage, message } = JSON.parse(text);
    const found = errorMessage ?? message;
    return typeof found === "string" ? found : undefined;
  } catch {
    const [, cut] = /"errorMessage"\s*:\s*"((?:[^"\\]|\\.)*)/.exec(text) ?? [];
    return cut === undefined ? undefined : unescapeJson(cut);
  }
}

function unescapeJson(json: string): string {
  try {
    return JSON.parse(`"${json}"`);
  } catch {
    return json;
  }
}
