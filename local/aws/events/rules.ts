import { page } from "../kernel/page.ts";
import type { Operation } from "../kernel/service.ts";
import { checkTarget } from "./check-target.ts";
import { constraint, limitExceeded, validation } from "./errors.ts";
import type { Bus, Rule, RuleState, Target } from "./model.ts";
import { parseSchedule } from "./schedule.ts";
import { busName, compiled, DEFAULT_BUS, ruleArn, type Store } from "./store.ts";

const NAME = /^[.\-_A-Za-z0-9]{1,64}$/;
const MAXIMUM_TARGETS = 5;
const MAXIMUM_PATTERN = 4096;
const STATES: ReadonlySet<string> = new Set(["ENABLED", "DISABLED", "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS"]);

export interface RuleInput {
  readonly Name: string;
  readonly EventBusName?: string;
  readonly EventPattern?: string;
  readonly ScheduleExpression?: string;
  readonly State?: RuleState;
  readonly Description?: string;
  readonly RoleArn?: string;
}

interface OfRule {
  readonly Name: string;
  readonly EventBusName?: string;
}

/**
 * Makes a rule or changes the one of that name, whose targets stay.
 * https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutRule.html
 * @throws AwsError `ValidationException`, `InvalidEventPatternException`, `ResourceNotFoundException`
 */
export function defineRule(store: Store, input: RuleInput): Rule {
  const { Name, EventPattern, ScheduleExpression, State = "ENABLED", Description, RoleArn } = input;
  if (!NAME.test(Name ?? ""))
    throw constraint(Name, "name", String.raw`Member must satisfy regular expression pattern: [\.\-_A-Za-z0-9]+`);
  if (!STATES.has(State))
    throw constraint(State, "state", `Member must satisfy enum value set: [${[...STATES].join(", ")}]`);
  const bus = store.bus(input.EventBusName);
  if (!EventPattern && !ScheduleExpression)
    throw validation("Parameter(s) EventPattern or ScheduleExpression must be specified.");
  if (EventPattern && EventPattern.length > MAXIMUM_PATTERN)
    throw constraint(EventPattern, "eventPattern", `Member must have length less than or equal to ${MAXIMUM_PATTERN}`);
  if (ScheduleExpression) checkSchedule(ScheduleExpression, bus);
  const arn = ruleArn(Name, bus.name);
  const existing = store.rules.get(arn);
  const sameSchedule = existing === undefined || existing.schedule === ScheduleExpression;
  const scheduledSince = (sameSchedule ? store.scheduledSince.get(arn) : undefined) ?? store.clock.now();
  const rule: Rule = {
    name: Name,
    arn,
    busName: bus.name,
    state: State,
    ...compiled(EventPattern),
    ...(ScheduleExpression ? { schedule: ScheduleExpression } : {}),
    scheduledSince,
    ...(Description === undefined ? {} : { description: Description }),
    ...(RoleArn === undefined ? {} : { roleArn: RoleArn }),
    targets: existing?.targets ?? new Map(),
  };
  store.rules.set(arn, rule);
  if (rule.schedule) store.scheduledSince.set(arn, scheduledSince);
  return rule;
}

function checkSchedule(expression: string, bus: Bus): void {
  if (bus.name !== DEFAULT_BUS) throw validation("ScheduleExpression is supported only on the default event bus.");
  if (!parseSchedule(expression)) throw validation("Parameter ScheduleExpression is not valid.");
}

/**
 * Adds targets to a rule, or replaces those with the same id.
 * @throws AwsError `ValidationException`, `LimitExceededException`; nothing is changed then
 */
export function putTargets(rule: Rule, targets: readonly Target[]): void {
  for (const [index, target] of targets.entries()) checkTarget(target, index);
  const next = new Map([...rule.targets, ...targets.map((target) => [target.Id, target] as const)]);
  if (next.size > MAXIMUM_TARGETS) throw limitExceeded();
  for (const [id, target] of next) rule.targets.set(id, target);
}

/** @param changed is told of every rule that was made, changed or deleted */
export function ruleOperations(store: Store, changed: (rule: Rule) => void): Record<string, Operation> {
  const access = (action: string) => (input: OfRule & { readonly Rule?: string }) => [
    { action: `events:${action}`, resource: ruleArn(input.Rule ?? input.Name, busName(input.EventBusName)) },
  ];
  const find = (name: string, bus: string | undefined) => store.rule(name, store.bus(bus));
  const setState = (state: RuleState) => (input: OfRule) => {
    const rule = find(input.Name, input.EventBusName);
    rule.state = state;
    changed(rule);
    return {};
  };
  return {
    PutRule: {
      access: access("PutRule"),
      run: (input: RuleInput) => {
        const rule = defineRule(store, input);
        changed(rule);
        return { RuleArn: rule.arn };
      },
    },
    DescribeRule: {
      access: access("DescribeRule"),
      run: ({ Name, EventBusName }: OfRule) => described(find(Name, EventBusName)),
    },
    ListRules: {
      access: () => [{ action: "events:ListRules", resource: "*" }],
      run: ({ NamePrefix = "", EventBusName, Limit, NextToken }) => {
        const found = store.rulesOf(store.bus(EventBusName).name).filter(({ name }) => name.startsWith(NamePrefix));
        const { items, nextToken } = page(found, Limit, NextToken);
        return { Rules: items.map(described), ...(nextToken ? { NextToken: nextToken } : {}) };
      },
    },
    EnableRule: { access: access("EnableRule"), run: setState("ENABLED") },
    DisableRule: { access: access("DisableRule"), run: setState("DISABLED") },
    DeleteRule: {
      access: access("DeleteRule"),
      run: ({ Name, EventBusName }: OfRule) => {
        const rule = store.rules.get(ruleArn(Name, store.bus(EventBusName).name));
        if (!rule) return {};
        if (rule.targets.size > 0) throw validation("Rule can't be deleted since it has targets.");
        store.rules.delete(rule.arn);
        store.scheduledSince.delete(rule.arn);
        changed(rule);
        return {};
      },
    },
    PutTargets: {
      access: (input) => {
        const targets = (input.Targets ?? []).map(({ Arn }: Target) => Arn);
        return access("PutTargets")(input).map((one) => ({ ...one, conditions: { "events:TargetArn": targets } }));
      },
      run: ({ Rule, EventBusName, Targets = [] }) => {
        putTargets(find(Rule, EventBusName), Targets);
        return { FailedEntryCount: 0, FailedEntries: [] };
      },
    },
    RemoveTargets: {
      access: access("RemoveTargets"),
      run: ({ Rule, EventBusName, Ids = [] }) => {
        const { targets } = find(Rule, EventBusName);
        const unknown = (Ids as string[]).filter((id) => !targets.delete(id));
        const FailedEntries = unknown.map((TargetId) => ({
          TargetId,
          ErrorCode: "ResourceNotFoundException",
          ErrorMessage: `Rule ${Rule} does not have target(s) ${TargetId}.`,
        }));
        return { FailedEntryCount: FailedEntries.length, FailedEntries };
      },
    },
    ListTargetsByRule: {
      access: access("ListTargetsByRule"),
      run: ({ Rule, EventBusName, Limit, NextToken }) => {
        const { items, nextToken } = page([...find(Rule, EventBusName).targets.values()], Limit, NextToken);
        return { Targets: items, ...(nextToken ? { NextToken: nextToken } : {}) };
      },
    },
    ListRuleNamesByTarget: {
      access: () => [{ action: "events:ListRuleNamesByTarget", resource: "*" }],
      run: ({ TargetArn, EventBusName, Limit, NextToken }) => {
        const found = store
          .rulesOf(store.bus(EventBusName).name)
          .filter(({ targets }) => [...targets.values()].some(({ Arn }) => Arn === TargetArn));
        const { items, nextToken } = page(found, Limit, NextToken);
        return { RuleNames: items.map(({ name }) => name), ...(nextToken ? { NextToken: nextToken } : {}) };
      },
    },
  };
}

function described(rule: Rule) {
  return {
    Name: rule.name,
    Arn: rule.arn,
    EventBusName: rule.busName,
    State: rule.state,
    ...(rule.patternText === undefined ? {} : { EventPattern: rule.patternText }),
    ...(rule.schedule === undefined ? {} : { ScheduleExpression: rule.schedule }),
    ...(rule.description === undefined ? {} : { Description: rule.description }),
    ...(rule.roleArn === undefined ? {} : { RoleArn: rule.roleArn }),
  };
}
