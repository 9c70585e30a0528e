import type { Clock } from "../kernel/clock.ts";
import { arn, arnResource } from "../kernel/names.ts";
import { notFound } from "./errors.ts";
import type { Archive, Bus, Replay, Rule } from "./model.ts";
import { compilePattern } from "./pattern.ts";

export const DEFAULT_BUS = "default";

/** A rule as JSON. */
type RuleRecord = Omit<Rule, "pattern" | "targets"> & { readonly targets: readonly (readonly [string, never])[] };
type ArchiveRecord = Omit<Archive, "pattern">;

export interface StoreState {
  readonly buses: readonly Bus[];
  readonly rules: readonly RuleRecord[];
  readonly archives: readonly ArchiveRecord[];
  readonly replays: readonly Replay[];
  /** Rule ARN to the time its `rate()` counts from; template rules are made anew, but keep their rhythm. */
  readonly scheduledSince: Readonly<Record<string, number>>;
}

/** Buses, rules, archives and replays of the account. */
export class Store {
  readonly clock: Clock;
  readonly buses = new Map<string, Bus>();
  /** By rule ARN. */
  readonly rules = new Map<string, Rule>();
  readonly archives = new Map<string, Archive>();
  readonly replays = new Map<string, Replay>();
  readonly scheduledSince = new Map<string, number>();

  constructor(clock: Clock) {
    this.clock = clock;
    const now = clock.now();
    this.buses.set(DEFAULT_BUS, { name: DEFAULT_BUS, arn: busArn(DEFAULT_BUS), createdAt: now, modifiedAt: now });
  }

  /** @param nameOrArn absent means the default bus. @throws AwsError `ResourceNotFoundException` */
  bus(nameOrArn: string | undefined): Bus {
    const name = busName(nameOrArn);
    const bus = this.buses.get(name);
    if (!bus) throw notFound(`Event bus ${name} does not exist.`);
    return bus;
  }

  rulesOf(busName: string): Rule[] {
    return [...this.rules.values()].filter((rule) => rule.busName === busName);
  }

  /** @throws AwsError `ResourceNotFoundException` */
  rule(name: string, bus: Bus): Rule {
    const rule = this.rules.get(ruleArn(name, bus.name));
    if (!rule) throw notFound(`Rule ${name} does not exist on EventBus ${bus.name}.`);
    return rule;
  }

  /** What the template does not make again at the next boot. */
  snapshot(): StoreState {
    return structuredClone({
      buses: [...this.buses.values()].filter(({ name, fromTemplate }) => name !== DEFAULT_BUS && !fromTemplate),
      rules: [...this.rules.values()]
        .filter(({ fromTemplate }) => !fromTemplate)
        .map(({ pattern: _pattern, targets, ...rule }) => ({ ...rule, targets: [...targets] as never[] })),
      archives: [...this.archives.values()].map(({ pattern: _pattern, ...archive }) => archive),
      replays: [...this.replays.values()],
      scheduledSince: Object.fromEntries(this.scheduledSince),
    });
  }

  restore(state: StoreState): void {
    for (const bus of state.buses) this.buses.set(bus.name, bus);
    for (const { targets, ...rule } of state.rules)
      this.rules.set(rule.arn, { ...rule, ...compiled(rule.patternText), targets: new Map(targets) });
    for (const archive of state.archives)
      this.archives.set(archive.name, { ...archive, ...compiled(archive.patternText) });
    for (const replay of state.replays) this.replays.set(replay.name, replay);
    for (const [ruleArn, since] of Object.entries(state.scheduledSince)) this.scheduledSince.set(ruleArn, since);
  }
}

/** The `pattern` member that belongs to a pattern's text. @throws AwsError `InvalidEventPatternException` */
export function compiled(patternText: string | undefined) {
  return patternText ? { patternText, pattern: compilePattern(patternText) } : {};
}

export function busArn(name: string): string {
  return arn("events", `event-bus/${name}`);
}

/** The bus name in a name or ARN; an ARN of elsewhere stays whole, and so names no bus of ours. */
export function busName(nameOrArn: string | undefined): string {
  if (!nameOrArn) return DEFAULT_BUS;
  if (!nameOrArn.startsWith("arn:")) return nameOrArn;
  const name = arnResource(nameOrArn).replace(/^event-bus\//, "");
  return busArn(name) === nameOrArn ? name : nameOrArn;
}

/** Rules of the default bus leave its name out. */
export function ruleArn(name: string, bus: string): string {
  return arn("events", bus === DEFAULT_BUS ? `rule/${name}` : `rule/${bus}/${name}`);
}
