import { events } from "../../shared/contracts/events.ts";
import { NO_ORG } from "../../shared/contracts/metadata.ts";
import type { Org } from "./orgs.ts";

/** Requests that a clock makes: one for every organisation and every entry of `data`, or one for the whole fleet. */
export interface Schedule {
  /** `rate(15 minutes)` or `cron(15 3 * * ? *)`, in UTC. */
  readonly rate: string;
  /** Fleet event that asks for the work. */
  readonly request: string;
  /** Data of the requests. */
  readonly data: readonly Record<string, unknown>[];
  /** Off keeps the rules, so that an operator can switch them on. */
  readonly enabled: boolean | "true" | "false";
  /** False for work that is about no organisation. */
  readonly perOrg?: boolean;
}

/**
 * Rules that put requests straight on the consumer's queue, shaped as if they had come over the fleet bus.
 * https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-transform-target-input.html
 * @throws Error of one sentence when `request` is no fleet event, or its data does not fit the contract
 */
export function scheduleRules(
  { rate, request, data, enabled, perOrg = true }: Schedule,
  id: string,
  target: object,
  orgs: readonly Org[],
): Record<string, unknown> {
  const contract = events.find(({ type }) => type === request);
  if (!contract) throw new Error(`A schedule asks for '${request}', which is no event of shared/contracts/events.ts.`);
  const rules: Record<string, unknown> = {};
  for (const [orgId, name] of perOrg ? orgs.map((org) => [org.orgId, org.orgId] as const) : [[NO_ORG, ""] as const])
    for (const [index, content] of data.entries()) {
      const parsed = contract.detail.shape.data.safeParse(content);
      if (!parsed.success)
        throw new Error(`The data of the scheduled '${request}' do not fit: ${parsed.error.issues[0]?.message}`);
      rules[`${id}${name}Schedule${index}`] = {
        Type: "AWS::Events::Rule",
        Properties: {
          ScheduleExpression: rate,
          State: String(enabled) === "true" ? "ENABLED" : "DISABLED",
          Targets: [{ ...target, InputTransformer: requestOf(contract, orgId, content) }],
        },
      };
    }
  return rules;
}

function requestOf(contract: { type: string; source: string }, orgId: string, data: unknown) {
  const metadata = {
    eventId: "<id>",
    occurredAt: "<time>",
    correlationId: "<id>",
    causationId: "<id>",
    orgId,
    actor: "system:schedule",
    schemaVersion: 1,
  };
  const event = { id: "<id>", source: contract.source, "detail-type": contract.type, detail: { metadata, data } };
  return {
    InputPathsMap: { id: "$.id", time: "$.time" },
    // A variable stands without quotes: EventBridge writes its value as JSON.
    InputTemplate: JSON.stringify(event).replace(/"<(id|time)>"/g, "<$1>"),
  };
}
