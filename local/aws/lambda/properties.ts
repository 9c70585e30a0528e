import { createHash } from "node:crypto";
import { AwsError, TemplateError } from "../kernel/errors.ts";
import type { TemplateResource } from "../kernel/service.ts";

/** Reads the properties of one resource; whatever is not as it must be stops the boot with its path. */
export class Properties {
  readonly #logicalId: string;
  readonly #path: string;
  readonly #values: Readonly<Record<string, unknown>>;

  constructor(logicalId: string, values: Readonly<Record<string, unknown>>, path = "") {
    this.#logicalId = logicalId;
    this.#values = values;
    this.#path = path;
  }

  static of({ logicalId, properties }: TemplateResource): Properties {
    return new Properties(logicalId, properties);
  }

  fail(name: string, problem: string): never {
    throw new TemplateError(this.#logicalId, this.#path + name, problem);
  }

  has(name: string): boolean {
    return this.#values[name] !== undefined;
  }

  names(): readonly string[] {
    return Object.keys(this.#values).filter((name) => this.has(name));
  }

  /** A required string. */
  text(name: string): string {
    return this.optionalText(name) ?? this.fail(name, "is required");
  }

  /** CloudFormation turns numbers into strings where a string is wanted. */
  optionalText(name: string): string | undefined {
    const value = this.#values[name];
    if (value === undefined) return undefined;
    if (typeof value === "string") return value;
    if (typeof value === "number" || typeof value === "boolean") return String(value);
    return this.fail(name, "must be a string");
  }

  oneOf<Choice extends string>(name: string, choices: readonly Choice[], fallback: Choice): Choice {
    const value = this.optionalText(name) ?? fallback;
    const choice = choices.find((candidate) => candidate === value);
    return choice ?? this.fail(name, `must be one of ${choices.join(", ")}, not '${value}'`);
  }

  integer(name: string, low: number, high: number): number | undefined {
    const text = this.optionalText(name);
    if (text === undefined) return undefined;
    const value = Number(text);
    if (text.trim() === "" || !Number.isInteger(value) || value < low || value > high)
      return this.fail(name, `must be an integer from ${low} to ${high}, not '${text}'`);
    return value;
  }

  boolean(name: string, fallback: boolean): boolean {
    return this.oneOf(name, ["true", "false"], fallback ? "true" : "false") === "true";
  }

  texts(name: string): readonly string[] {
    const value = this.#values[name] ?? [];
    if (Array.isArray(value) && value.every((item) => typeof item === "string")) return value;
    return this.fail(name, "must be a list of strings");
  }

  /** A list of objects; empty when absent. */
  list(name: string): readonly Properties[] {
    const value = this.#values[name] ?? [];
    if (!Array.isArray(value)) return this.fail(name, "must be a list");
    const items = new Properties(this.#logicalId, { ...value }, `${this.#path}${name}.`);
    return items.names().map((index) => items.record(index));
  }

  /** A nested object with no members but the allowed ones; empty when absent. */
  object(name: string, allowed: readonly string[]): Properties {
    const inner = this.record(name);
    const unknown = inner.names().find((member) => !allowed.includes(member));
    return unknown ? inner.fail(unknown, "the twin does not support this") : inner;
  }

  /** A nested object with free member names; empty when absent. */
  record(name: string): Properties {
    const value = this.#values[name] ?? {};
    if (typeof value !== "object" || value === null || Array.isArray(value))
      return this.fail(name, "must be an object");
    return new Properties(this.#logicalId, value as Record<string, unknown>, `${this.#path}${name}.`);
  }

  /** Runs `action`; what AWS would refuse becomes an error of this property. */
  within<Result>(name: string, action: () => Result): Result {
    try {
      return action();
    } catch (error) {
      return this.#translate(name, error);
    }
  }

  async awaitWithin<Result>(name: string, action: () => Promise<Result>): Promise<Result> {
    try {
      return await action();
    } catch (error) {
      return this.#translate(name, error);
    }
  }

  #translate(name: string, error: unknown): never {
    if (error instanceof AwsError) return this.fail(name, `${error.code}: ${error.message}`);
    throw error;
  }
}

/** A UUID derived from a text: the same text gives the same id after a restart. */
export function derivedUuid(text: string): string {
  const digest = createHash("sha256").update(text).digest("hex");
  return digest.slice(0, 32).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}
