/**
 * What may be told of an answer or an error that is not ours. Its words may hold a customer's data or a secret, whatever
 * its code says, so they are left out, but for the sentences of an allow-list; codes, names of fields and request ids stay.
 */

/** A sentence without data. Each vendor's client has its own list. */
export interface Sentence {
  /** The codes with which it comes. */
  readonly codes: readonly string[];
  /** How it reads; what varies in it are ids, counts and technical names alone. */
  readonly words: RegExp;
  /** Where the vendor says so. */
  readonly source: string;
}

/** Stands for a code that does not look like one. */
export const UNREADABLE_CODE = "UNREADABLE_CODE";

const MAX_LENGTH = 80;
const CODE = /^(?:[A-Z][A-Z0-9_]*|[a-z][a-z0-9_]*(?:\.[a-z0-9_]+)*)$/;
const CLASS_NAME = /^[A-Z][A-Za-z0-9]*(?:\.[A-Za-z0-9]+)*$/;
// Not of a number in disguise.
const FIELD = /^(?!.*\d{5})[A-Za-z][\w.]*(?:\[\w+\])*$/;
const REQUEST_ID = /^(?=.*\d)[\w-]+$/;
const ID = /^[\w.:#=;/-]{1,200}$/;

const textIn = (text: unknown, shape: RegExp): string | undefined =>
  typeof text === "string" && text.length <= MAX_LENGTH && shape.test(text) ? text : undefined;

/** The sentences of `message` that may come with `code`; empty when there is none. Nothing around a sentence is told. */
export function allowedWords(sentences: readonly Sentence[], code: string, message: unknown): string {
  if (typeof message !== "string") return "";
  const found = sentences.filter(({ codes }) => codes.includes(code)).map(({ words }) => words.exec(message)?.[0]);
  return found.filter((words) => words !== undefined).join("; ");
}

/** A vendor's code, such as `UNABLE_TO_LOCK_ROW`, `invalid_grant` or `topic.not.found`. */
export function codeIn(text: unknown, otherwise = UNREADABLE_CODE): string {
  return textIn(text, CODE) ?? otherwise;
}

/** The name of a class of errors, such as AWS's `ThrottlingException`. */
export function nameIn(text: unknown, otherwise = "Error"): string {
  return textIn(text, CLASS_NAME) ?? otherwise;
}

/** Names of fields, such as `Billing_Email__c` or `address[line1]`; what looks like none is left out. */
export function fieldsIn(texts: readonly unknown[]): string[] {
  return texts.filter((text): text is string => textIn(text, FIELD) !== undefined);
}

export function requestIdIn(text: unknown): string | undefined {
  return textIn(text, REQUEST_ID);
}

/** An id of ours or a vendor's as a malformed event has it; undefined when it may as well be a name or an address. */
export function idIn(text: unknown): string | undefined {
  return typeof text === "string" && ID.test(text) ? text : undefined;
}
