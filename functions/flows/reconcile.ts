import { retriesRequested } from "#shared/contracts/events.ts";
import { TargetUnavailableError } from "#shared/errors.ts";
import { type Delivery, decodeFleetEvent } from "#shared/handler/delivery.ts";
import { type Failure, queueHandler } from "#shared/handler/queue.ts";
import { lazy } from "#shared/lazy.ts";
import { productionDependencies } from "./reconcile/production.ts";
import { reconcile } from "./reconcile/run.ts";

const production = lazy(productionDependencies);

/** One round of the recovery, however many asked for it; they ask again when an outage ended a moment ago. */
export async function takeUpWhatIsBehind(
  requests: readonly Pick<Delivery<unknown>, "record">[],
  deps = production(),
): Promise<Failure[]> {
  const retryAfterSeconds = await reconcile(deps);
  if (retryAfterSeconds === 0) return [];
  const error = new TargetUnavailableError("OUTAGE_ENDED", "Some functions do not know of its end yet.", {
    retryAfterSeconds,
  });
  return requests.map(({ record }) => ({ record, error }));
}

export const handler = queueHandler(decodeFleetEvent([retriesRequested]), (requests) => takeUpWhatIsBehind(requests));
