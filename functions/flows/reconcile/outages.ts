import type { Target } from "#shared/behind/marks.ts";
import type { BreakerState } from "#shared/targets/breakers.ts";

/** What the breakers mean for those who wait for a target. */
export interface Outages {
  /** Whether nobody shall be taken up for the target. */
  isDown(target: Target): boolean;
  /** Whether a few customers shall be taken up, to see whether the target is there again. */
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
export function outagesOf(breakers: readonly BreakerState[], now: number): Outages {
  const openOf = (target: Target) => breakers.filter((one) => one.target === target && one.state !== "closed");
  const isShut = ({ state, until = "" }: BreakerState) => state === "probing" || Date.parse(until) > now;
  const orgsDown = () =>
    openOf("salesforce")
      .filter(isShut)
      .map(({ endpoint }) => endpoint);
  return {
    // A customer needs most endpoints of billing, but only its own organisation in Salesforce.
    isDown: (target) => target === "billing" && openOf(target).some(isShut),
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
