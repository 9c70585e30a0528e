import type { Behind } from "#shared/behind/behind.ts";
import { RateLimitedError, TargetUnavailableError } from "#shared/errors.ts";
import { BUDGET_USED_UP } from "#shared/targets/entrance.ts";
import { type BillingDependencies, type BillingResult, makeBillingEqual } from "./make-billing-equal.ts";

export interface BringDependencies extends BillingDependencies {
  readonly behind: Pick<Behind, "reached" | "failed" | "postpone">;
}

/** When a customer is due again for which the budget had nothing left; the next round of the reconciler takes it up. */
const BUDGET_SECONDS = 30;

/** `behind`: the target named a time to wait. `waiting`: it was not even asked, for it is down or its budget is used up. */
export type BillingAnswer = BillingResult | { readonly outcome: "behind" | "waiting" };

/**
 * Makes the Stripe customer equal to the stored one, or leaves it behind when Stripe asks for time: the run has nothing
 * left to do, as the reconciler comes back when that time is over.
 * @param change the version on whose behalf it is done
 * @throws the errors of `makeBillingEqual` that are worth another try at once, or that a person decides
 */
export async function bringToBilling(
  change: { readonly customerId: string; readonly version: string },
  deps: BringDependencies,
): Promise<BillingAnswer> {
  const { customerId } = change;
  try {
    const result = await makeBillingEqual(change, deps);
    // Where a link was written, that write has said so.
    if (result.outcome === "unchanged" || result.outcome === "none")
      await deps.behind.reached(customerId, "billing", result.version);
    return result;
  } catch (error) {
    if (error instanceof TargetUnavailableError) {
      // While the target is down nothing is written per customer: whoever ends the outage asks for them all.
      if (error.code === BUDGET_USED_UP) await deps.behind.postpone(customerId, "billing", BUDGET_SECONDS);
      return { outcome: "waiting" };
    }
    if (!(error instanceof RateLimitedError)) throw error;
    const { name, code, message, retryAfterSeconds } = error;
    await deps.behind.failed(customerId, "billing", { name, code, message, retryAfterSeconds });
    return { outcome: "behind" };
  }
}
