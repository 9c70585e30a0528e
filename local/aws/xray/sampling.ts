import { TemplateError } from "../kernel/errors.ts";
import { arn } from "../kernel/names.ts";
import type { Provisioned, TemplateResource } from "../kernel/service.ts";

/** A sampling rule in the API's own member names. https://docs.aws.amazon.com/xray/latest/api/API_SamplingRule.html */
export interface SamplingRule {
  readonly RuleName: string;
  readonly RuleARN: string;
  readonly ResourceARN: string;
  readonly Priority: number;
  /** Share of the requests beyond the reservoir, 0 to 1. */
  readonly FixedRate: number;
  /** Requests per second that are always sampled. */
  readonly ReservoirSize: number;
  readonly ServiceName: string;
  readonly ServiceType: string;
  readonly Host: string;
  readonly HTTPMethod: string;
  readonly URLPath: string;
  readonly Version: 1;
  readonly Attributes: Readonly<Record<string, string>>;
}

const MEMBERS = [
  "RuleName",
  "ResourceARN",
  "Priority",
  "FixedRate",
  "ReservoirSize",
  "ServiceName",
  "ServiceType",
  "Host",
  "HTTPMethod",
  "URLPath",
  "Version",
  "Attributes",
];
/** Seconds until a client asks for targets again. */
const INTERVAL = 10;

/** The rule of every account: one request per second and 5 % of the rest. */
export function defaultRule(): SamplingRule {
  return ruleOf("Default", { Priority: 10_000, FixedRate: 0.05, ReservoirSize: 1 });
}

/**
 * Reads AWS::XRay::SamplingRule.
 * @throws TemplateError for members that X-Ray does not know and numbers out of range
 */
export function readSamplingRule({ logicalId, properties }: TemplateResource): {
  rule: SamplingRule;
  provisioned: Provisioned;
} {
  const members = properties.SamplingRule;
  if (typeof members !== "object" || members === null)
    throw new TemplateError(logicalId, "SamplingRule", "must be an object");
  const unknown = Object.keys(members).find((member) => !MEMBERS.includes(member));
  if (unknown) throw new TemplateError(logicalId, `SamplingRule.${unknown}`, "X-Ray knows no such member");
  const name = members.RuleName ?? properties.RuleName;
  if (typeof name !== "string") throw new TemplateError(logicalId, "SamplingRule.RuleName", "is required");
  const number = (member: string, low: number, high: number) => {
    const value = Number(members[member]);
    if (members[member] !== undefined && value >= low && value <= high) return value;
    throw new TemplateError(logicalId, `SamplingRule.${member}`, `must be a number from ${low} to ${high}`);
  };
  const rule = ruleOf(name, {
    ...members,
    Priority: number("Priority", 1, 9999),
    FixedRate: number("FixedRate", 0, 1),
    ReservoirSize: number("ReservoirSize", 0, Number.MAX_SAFE_INTEGER),
  });
  return { rule, provisioned: { ref: rule.RuleARN, attributes: { RuleARN: rule.RuleARN } } };
}

/** https://docs.aws.amazon.com/xray/latest/api/API_GetSamplingRules.html */
export function samplingRules(rules: readonly SamplingRule[]): object {
  const records = rules.toSorted((a, b) => a.Priority - b.Priority);
  return { SamplingRuleRecords: records.map((SamplingRule) => ({ SamplingRule, CreatedAt: 0, ModifiedAt: 0 })) };
}

/**
 * Quotas for clients that sample by rule; the one client that asks gets the whole reservoir.
 * https://docs.aws.amazon.com/xray/latest/api/API_GetSamplingTargets.html
 */
export function samplingTargets(
  rules: ReadonlyMap<string, SamplingRule>,
  statistics: readonly { readonly RuleName?: string }[],
  now: number,
): object {
  const targets: object[] = [];
  const unprocessed: object[] = [];
  for (const { RuleName = "" } of statistics) {
    const rule = rules.get(RuleName);
    if (rule)
      targets.push({
        RuleName,
        FixedRate: rule.FixedRate,
        ReservoirQuota: rule.ReservoirSize,
        ReservoirQuotaTTL: now / 1000 + INTERVAL,
        Interval: INTERVAL,
      });
    else unprocessed.push({ RuleName, ErrorCode: "400", Message: `There is no sampling rule '${RuleName}'.` });
  }
  return { SamplingTargetDocuments: targets, LastRuleModification: 0, UnprocessedStatistics: unprocessed };
}

function ruleOf(
  name: string,
  members: Partial<SamplingRule> & Pick<SamplingRule, "Priority" | "FixedRate" | "ReservoirSize">,
): SamplingRule {
  const any = { ResourceARN: "*", ServiceName: "*", ServiceType: "*", Host: "*", HTTPMethod: "*", URLPath: "*" };
  const RuleARN = arn("xray", `sampling-rule/${name}`);
  return { ...any, Attributes: {}, ...members, RuleName: name, RuleARN, Version: 1 };
}
