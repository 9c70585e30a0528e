import { record } from "./archives.ts";
import type { Delivery } from "./delivery.ts";
import { flattenEvent } from "./matcher.ts";
import type { Arrival, Rule } from "./model.ts";
import type { Store } from "./store.ts";

/** Brings events from a bus to the targets of the rules that match them. */
export class Router {
  readonly #store: Store;
  readonly #delivery: Delivery;

  constructor(store: Store, delivery: Delivery) {
    this.#store = store;
    this.#delivery = delivery;
  }

  /**
   * Takes an event on a bus; delivery happens later. An event for a bus that does not exist vanishes.
   * @param onlyRules ARNs of the rules that may match; absent means all
   */
  accept(busName: string, arrival: Arrival, onlyRules?: readonly string[]): void {
    const bus = this.#store.buses.get(busName);
    if (!bus) return;
    const event = flattenEvent(arrival.event);
    for (const archive of this.#store.archives.values())
      if (archive.busArn === bus.arn && (archive.pattern?.matches(event) ?? true)) record(archive, arrival);
    for (const rule of this.#store.rulesOf(busName)) {
      if (rule.state === "DISABLED" || !rule.pattern?.matches(event)) continue;
      if (!onlyRules || onlyRules.includes(rule.arn)) this.trigger(rule, arrival);
    }
  }

  /** Hands an event to every target of a rule. */
  trigger(rule: Rule, arrival: Arrival): void {
    for (const target of rule.targets.values())
      this.#delivery.enqueue({ rule: { arn: rule.arn, name: rule.name }, target, arrival });
  }
}
