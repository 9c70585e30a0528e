import { AwsError } from "../kernel/errors.ts";
import { ACCOUNT, arn, REGION } from "../kernel/names.ts";
import type { FunctionRecord, FunctionVersion, Target } from "./types.ts";

export const LATEST = "$LATEST";

/** `name`, `account:function:name` or an ARN, each with an optional `:qualifier`. */
const FUNCTION_NAME =
  /^(?:(?:arn:aws:lambda:(?<region>[a-z0-9-]+):)?(?<account>\d{12}):function:)?(?<name>[A-Za-z0-9-_]+)(?::(?<qualifier>\$LATEST|[A-Za-z0-9-_]+))?$/;

export interface FunctionName {
  readonly name: string;
  readonly qualifier?: string;
  /** As called: with the qualifier if there is one. */
  readonly arn: string;
}

/**
 * Reads `FunctionName` and `Qualifier` of a call.
 * @throws AwsError `ValidationException`, `InvalidParameterValueException` when two qualifiers contradict each other,
 * `ResourceNotFoundException` for another account or Region
 */
export function parseFunctionName(functionName: unknown, qualifierMember?: string): FunctionName {
  const groups = FUNCTION_NAME.exec(String(functionName))?.groups;
  if (!groups)
    throw new AwsError(
      "ValidationException",
      `1 validation error detected: Value '${functionName}' at 'functionName' failed to satisfy constraint: it must be a function name or ARN`,
    );
  const { region = REGION, account = ACCOUNT, name = "", qualifier = qualifierMember } = groups;
  if (qualifierMember && qualifier !== qualifierMember)
    throw new AwsError(
      "InvalidParameterValueException",
      "The derived qualifier from the function name does not match the specified qualifier.",
    );
  if (region !== REGION || account !== ACCOUNT) throw functionNotFound(String(functionName));
  const base = functionArn(name);
  return { name, arn: qualifier ? `${base}:${qualifier}` : base, ...(qualifier ? { qualifier } : {}) };
}

/** Unqualified ARN of a function. */
export function functionArn(name: string): string {
  return arn("lambda", `function:${name}`);
}

export function functionNotFound(target: string): AwsError {
  return notFound(`Function not found: ${target}`);
}

/** A 404 of the Lambda API; its body also names the type of the error. */
export function notFound(message: string): AwsError {
  return new AwsError("ResourceNotFoundException", message, { status: 404, body: { Type: "User" } });
}

/** All functions of the twin, by name. */
export class Registry {
  readonly #functions = new Map<string, FunctionRecord>();

  all(): readonly FunctionRecord[] {
    return [...this.#functions.values()];
  }

  get(name: string): FunctionRecord | undefined {
    return this.#functions.get(name);
  }

  /** Makes the function, or gives it a new `$LATEST`; returns the configuration that was replaced. */
  put(latest: FunctionVersion, reservedConcurrency: number | undefined): FunctionVersion | undefined {
    const record = this.#functions.get(latest.name);
    const replaced = record?.latest;
    if (record) Object.assign(record, { latest, reservedConcurrency });
    else
      this.#functions.set(latest.name, {
        name: latest.name,
        arn: latest.arn,
        latest,
        reservedConcurrency,
        versions: new Map(),
        aliases: new Map(),
        permissions: new Map(),
        invokeConfigs: new Map(),
      });
    return replaced;
  }

  delete(name: string): void {
    this.#functions.delete(name);
  }

  /**
   * The function and the version that a call means.
   * @throws AwsError `ResourceNotFoundException` when there is no such function, version or alias
   */
  resolve(functionName: unknown, qualifierMember?: string): Target {
    const { name, qualifier, arn: called } = parseFunctionName(functionName, qualifierMember);
    const record = this.#functions.get(name);
    const version = record && versionOf(record, qualifier ?? LATEST);
    if (!record || !version) throw functionNotFound(qualifier ? called : `${called}:${LATEST}`);
    return { record, version, arn: called, ...(qualifier ? { qualifier } : {}) };
  }

  /** Concurrency that functions have reserved for themselves. */
  reservedTotal(): number {
    return this.all().reduce((sum, { reservedConcurrency = 0 }) => sum + reservedConcurrency, 0);
  }
}

function versionOf(record: FunctionRecord, qualifier: string): FunctionVersion | undefined {
  if (qualifier === LATEST) return record.latest;
  const version = record.aliases.get(qualifier)?.version ?? qualifier;
  return version === LATEST ? record.latest : record.versions.get(version);
}
