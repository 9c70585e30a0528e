import type { Target } from "#shared/behind/marks.ts";

/** The circuit breaker of one endpoint of a target, as it is or as it last was. */
export interface Breaker {
  /** `billing`, `salesforce` or `slack`. */
  readonly target: string;
  /** For Salesforce the organisation, for Slack the channel. */
  readonly endpoint: string;
  readonly isOpen: boolean;
  /** Whether its wait is over, so that one call may see whether the target is there again. */
  readonly mayProbe: boolean;
  /** When the outage began, ISO 8601. */
  readonly since: string;
  /** Code of the error that opened it. */
  readonly code: string;
  /** Whether the target refuses our key or login. */
  readonly needsPerson: boolean;
  /** When it closed, ISO 8601; absent while it is open. */
  readonly closedAt?: string | undefined;
  readonly toldAt?: string | undefined;
  readonly endToldAt?: string | undefined;
}

/** What the breakers mean for those who wait for a target. */
export interface Outages {
  /** Whether nobody shall be taken up for the target. */
  isDown(target: Target): boolean;
  /** Whether one customer shall be taken up, to see whether the target is there again. */
  isProbing(target: Target): boolean;
  /** Organisations for which nothing is taken up. */
  orgsDown(): string[];
  /** Of several customers only one for each organisation that shall be probed. */
  onePerProbe<T extends { readonly orgId: string }>(target: Target, customers: readonly T[]): T[];
  /** When the target came back, ISO 8601, while that is news to those who wait. */
  recoveredAt(target: Target): string | undefined;
}

/** By then whoever waited has been taken up, or has a next try of his own. */
const NEWS_MS = 3_600_000;

/** @param now epoch milliseconds */
export function outagesOf(breakers: readonly Breaker[], now: number): Outages {
  const openOf = (target: Target) => breakers.filter((one) => one.target === target && one.isOpen);
  const orgsDown = () =>
    openOf("salesforce")
      .filter(({ mayProbe }) => !mayProbe)
      .map(({ endpoint }) => endpoint);
  return {
    // A customer needs most endpoints of billing, but only its own organisation in Salesforce.
    isDown: (target) => target === "billing" && openOf(target).some(({ mayProbe }) => !mayProbe),
    isProbing: (target) => target === "billing" && openOf(target).length > 0,
    orgsDown,
    onePerProbe(target, customers) {
      if (target !== "salesforce") return [...customers];
      const probed = new Set(openOf(target).map(({ endpoint }) => endpoint));
      const seen = new Set<string>();
      return customers.filter(({ orgId }) => {
        if (!probed.has(orgId)) return true;
        const first = !seen.has(orgId);
        seen.add(orgId);
        return first;
      });
    },
    recoveredAt(target) {
      const ends = breakers.flatMap((one) => (one.target === target && one.closedAt ? [one.closedAt] : []));
      const last = ends.toSorted().at(-1);
      return last && now - Date.parse(last) < NEWS_MS ? last : undefined;
    },
  };
}
