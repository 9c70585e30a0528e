import type { Kernel } from "../kernel/kernel.ts";
import type { Service } from "../kernel/service.ts";
import { archiveOperations } from "./archives.ts";
import { busOperations } from "./buses.ts";
import { Delivery, type DeliveryState } from "./delivery.ts";
import type { Rule } from "./model.ts";
import { putEventsOperations } from "./put-events.ts";
import { Replays } from "./replays.ts";
import { eventResources } from "./resources.ts";
import { Router } from "./router.ts";
import { ruleOperations } from "./rules.ts";
import { Scheduler } from "./scheduler.ts";
import { Store, type StoreState } from "./store.ts";

interface EventsState {
  readonly store: StoreState;
  readonly pending: DeliveryState;
}

/**
 * EventBridge with its classic event buses. https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-what-is.html
 *
 * `PutPartnerEvents` is the side door for partner events. A snapshot holds what the API made, the archives with their
 * events, and every delivery that has not arrived; `start` goes on with them.
 */
export function createEvents(kernel: Kernel): Service {
  const store = new Store(kernel.clock);
  const delivery = new Delivery(kernel);
  const router = new Router(store, delivery);
  const scheduler = new Scheduler(store, router);
  const replays = new Replays(kernel, store, router);
  const changed = (rule: Rule) => scheduler.update(rule);
  return {
    name: "events",
    wire: { kind: "json", version: "1.1", targetPrefix: "AWSEvents." },
    operations: {
      ...putEventsOperations(store, router),
      ...busOperations(store),
      ...ruleOperations(store, changed),
      ...archiveOperations(kernel, store),
      ...replays.operations(),
    },
    resources: eventResources(store, changed),
    snapshot: (): EventsState => ({ store: store.snapshot(), pending: delivery.snapshot() }),
    restore: (state) => {
      const { store: stored, pending } = state as EventsState;
      store.restore(stored);
      delivery.restore(pending);
    },
    start: () => {
      delivery.start();
      scheduler.start();
      replays.start();
    },
    stop: async () => {
      scheduler.stop();
      replays.stop();
      await delivery.stop();
    },
  };
}
