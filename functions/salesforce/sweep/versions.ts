import { formatVersion, versionSchema } from "#shared/contracts/customer.ts";

/** The three moments of a version, in epoch milliseconds. */
export interface VersionParts {
  readonly systemModstamp: number;
  readonly commitTimestamp: number;
  readonly readAt: number;
}

// SystemModstamp counts whole seconds, and our clock and Salesforce's may be five apart.
const SETTLED_AFTER_MS = 6_000;
/** How late a transaction may commit what it has stamped before. */
export const LATE_COMMIT_MS = 10 * 60_000;

export function parseVersion(version: string): VersionParts {
  const [systemModstamp = "", commitTimestamp, readAt] = versionSchema.parse(version).split("/");
  return {
    systemModstamp: Date.parse(systemModstamp),
    commitTimestamp: Number(commitTimestamp),
    readAt: Number(readAt),
  };
}

/**
 * The version of what a sweep has just seen. It beats a stale read of the same second, and loses to any newer change.
 * @param systemModstamp epoch milliseconds
 * @param readAt epoch milliseconds, taken before the read
 */
export function sweepVersion(systemModstamp: number, stored: string | undefined, readAt: number): string {
  const known = stored ? parseVersion(stored) : undefined;
  const same = known?.systemModstamp === systemModstamp;
  const commitTimestamp = same ? Math.max(known.commitTimestamp, systemModstamp) : systemModstamp;
  return formatVersion(systemModstamp, commitTimestamp, readAt);
}

/** Whether a stored version surely holds what a record became at `systemModstamp`, of whose second there may be two reads. */
export function holdsRecord(stored: string, systemModstamp: number): boolean {
  const known = parseVersion(stored);
  if (known.systemModstamp !== systemModstamp) return known.systemModstamp > systemModstamp;
  return known.readAt >= systemModstamp + SETTLED_AFTER_MS;
}

/** Whether a stored version was read after another record, which has no part in the version, moved at `systemModstamp`. */
export function wasReadAfter(stored: string, systemModstamp: number): boolean {
  return parseVersion(stored).readAt >= systemModstamp + LATE_COMMIT_MS;
}
