import { events } from "../../shared/contracts/events.ts";
import { fitName, MOST } from "./names.ts";

/** A rule of EventBridge, as far as its consumer looks at it. */
export interface Rule {
  readonly Type: string;
  readonly Properties: {
    readonly Name: string;
    /** Absent on the default bus, where clocks are. */
    readonly EventBusName?: { readonly Ref: string };
    readonly [more: string]: unknown;
  };
}

/** Requests that a clock makes: one for every entry of `data`. They name no organisation: their consumer asks all of them. */
export interface Schedule {
  /** `rate(15 minutes)` or `cron(15 3 * * ? *)`, in UTC. */
  readonly rate: string;
  /** Fleet event that asks for the work. */
  readonly request: string;
  /** Data of the requests. */
  readonly data: readonly Record<string, unknown>[];
  /** Off keeps the rules, so that an operator can switch them on. */
  readonly enabled: boolean | "true" | "false";
}

/** The rules of a clock, and what each of them asks for, as shared/handler/tick.ts reads it. */
export interface Clock {
  readonly rules: Readonly<Record<string, Rule>>;
  readonly environment: { readonly SCHEDULE: string };
}

/**
 * Rules that put ticks straight on the consumer's queue, and what the consumer makes of them.
 * @param name service, stage and queue
 * @throws Error of one sentence when `request` is no fleet event, or its data does not fit the contract
 */
export function buildClock(
  { rate, request, data, enabled }: Schedule,
  id: string,
  name: string,
  target: object,
): Clock {
  const contract = events.find(({ type }) => type === request);
  if (!contract) throw new Error(`A schedule asks for '${request}', which is no event of shared/contracts/events.ts.`);
  const ticks = data.map((content, index) => {
    const parsed = contract.detail.shape.data.safeParse(content);
    if (!parsed.success)
      throw new Error(`The data of the scheduled '${request}' do not fit: ${parsed.error.issues[0]?.message}`);
    return { rule: fitName(`${name}-schedule-${index}`, MOST.rule), request, data: content };
  });
  const State = String(enabled) === "true" ? "ENABLED" : "DISABLED";
  const rules = ticks.map(({ rule: Name }, index): [string, Rule] => [
    `${id}Schedule${index}`,
    { Type: "AWS::Events::Rule", Properties: { Name, ScheduleExpression: rate, State, Targets: [target] } },
  ]);
  return { rules: Object.fromEntries(rules), environment: { SCHEDULE: JSON.stringify(ticks) } };
}
