import { randomUUID } from "node:crypto";
import { ACCOUNT, REGION } from "../kernel/names.ts";
import { isoSeconds } from "./entries.ts";
import type { Rule } from "./model.ts";
import type { Router } from "./router.ts";
import { parseSchedule } from "./schedule.ts";
import type { Store } from "./store.ts";

/** Waits are cut at this, because a timer cannot run longer than 24 days. */
const LONGEST_WAIT_MS = 86_400_000;

/** Fires the rules that have a schedule. https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-rule-schedule.html */
export class Scheduler {
  readonly #store: Store;
  readonly #router: Router;
  readonly #timers = new Map<string, () => void>();
  #startedAt: number | undefined;

  constructor(store: Store, router: Router) {
    this.#store = store;
    this.#router = router;
  }

  start(): void {
    this.#startedAt = this.#store.clock.now();
    for (const rule of this.#store.rules.values()) this.update(rule);
  }

  stop(): void {
    this.#startedAt = undefined;
    for (const cancel of this.#timers.values()) cancel();
    this.#timers.clear();
  }

  /** Follows a rule that was made, changed or deleted. */
  update(rule: Rule): void {
    this.#timers.get(rule.arn)?.();
    this.#timers.delete(rule.arn);
    const present = this.#store.rules.get(rule.arn) === rule;
    if (!present || rule.state === "DISABLED" || !rule.schedule || this.#startedAt === undefined) return;
    const schedule = parseSchedule(rule.schedule);
    if (schedule?.kind === "rate") this.#every(rule, schedule.intervalMs);
    else if (schedule) this.#each(rule, schedule.next);
  }

  /** Fires at every full interval since the rule was made, restarts included. */
  #every(rule: Rule, intervalMs: number): void {
    const elapsed = () => this.#store.clock.elapsed(rule.scheduledSince);
    const follow = (count: number): void => {
      this.#at(
        rule,
        () => count * intervalMs - elapsed(),
        () => {
          this.#fire(rule);
          follow(Math.max(count, Math.floor(elapsed() / intervalMs)) + 1);
        },
      );
    };
    follow(Math.floor(elapsed() / intervalMs) + 1);
  }

  /** Fires at each time of a cron expression, on a wall clock that runs as fast as the kernel's waits. */
  #each(rule: Rule, next: (after: number) => number | undefined): void {
    const origin = this.#startedAt ?? this.#store.clock.now();
    const virtualNow = () => origin + this.#store.clock.elapsed(origin);
    const follow = (after: number): void => {
      const due = next(after);
      if (due === undefined) return;
      this.#at(
        rule,
        () => due - virtualNow(),
        () => {
          this.#fire(rule);
          follow(Math.max(due, virtualNow()));
        },
      );
    };
    follow(virtualNow());
  }

  #at(rule: Rule, remaining: () => number, action: () => void): void {
    const wait = () => {
      const ms = remaining();
      if (ms <= 0) action();
      else this.#timers.set(rule.arn, this.#store.clock.after(Math.min(ms, LONGEST_WAIT_MS), wait));
    };
    this.#timers.set(rule.arn, this.#store.clock.after(Math.min(remaining(), LONGEST_WAIT_MS), wait));
  }

  #fire(rule: Rule): void {
    const now = this.#store.clock.now();
    this.#router.trigger(rule, {
      ingestedAt: now,
      event: {
        version: "0",
        id: randomUUID(),
        "detail-type": "Scheduled Event",
        source: "aws.events",
        account: ACCOUNT,
        time: isoSeconds(now),
        region: REGION,
        resources: [rule.arn],
        detail: {},
      },
    });
  }
}
