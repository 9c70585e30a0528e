import type { Grant } from "./grants.ts";

const DOCS = "https://docs.aws.amazon.com";

/** What AWS's documentation asks for, where the local AWS has nothing that would fail. */
export interface Demand {
  readonly grants: RegExp;
  readonly kind: Grant["kind"];
  /** What it is for, in a few words. */
  readonly why: string;
  readonly link: string;
}

const OF_MACHINES = "(customer-sync|backfill)";

/** Grants that are there because AWS's documentation demands them. */
export const DEMANDS: readonly Demand[] = [
  {
    kind: "trust",
    grants: /^lambda\.amazonaws\.com → AssumeRole /,
    why: "Lambda works with the function's role",
    link: `${DOCS}/lambda/latest/dg/lambda-intro-execution-role.html`,
  },
  {
    kind: "trust",
    grants: new RegExp(`^states\\.amazonaws\\.com → AssumeRole ${OF_MACHINES}$`),
    why: "Step Functions works with the machine's role, for this account alone",
    link: `${DOCS}/step-functions/latest/dg/procedure-create-iam-role.html`,
  },
  {
    kind: "role",
    grants: /^(?!customer-sync |backfill )[\w-]+ → (PutTraceSegments|PutTelemetryRecords) \*$/,
    why: "active tracing of a function",
    link: `${DOCS}/lambda/latest/dg/services-xray.html`,
  },
  {
    kind: "role",
    grants: new RegExp(
      `^${OF_MACHINES} → (PutTraceSegments|PutTelemetryRecords|GetSamplingRules|GetSamplingTargets) \\*$`,
    ),
    why: "tracing of a machine",
    link: `${DOCS}/step-functions/latest/dg/xray-iam.html`,
  },
  {
    kind: "role",
    grants: new RegExp(
      `^${OF_MACHINES} → ((Create|Get|Update|Delete)LogDelivery|ListLogDeliveries|PutResourcePolicy|DescribeResourcePolicies|DescribeLogGroups) \\*$`,
    ),
    why: "the log of a machine, which CloudWatch Logs delivers",
    link: `${DOCS}/step-functions/latest/dg/cw-logs.html#cloudwatch-iam-policy`,
  },
  {
    kind: "role",
    grants: /^backfill → StopExecution /,
    why: "a distributed map that is stopped stops its runs",
    link: `${DOCS}/step-functions/latest/dg/iam-policies-eg-dist-map.html`,
  },
  {
    kind: "refusal",
    grants: / refuses sqs:\*$/,
    why: "no plain text; it takes away and gives nothing",
    link: `${DOCS}/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-security-best-practices.html`,
  },
  {
    kind: "refusal",
    grants: / refuses s3:\*$/,
    why: "no plain text; it takes away and gives nothing",
    link: `${DOCS}/AmazonS3/latest/userguide/security-best-practices.html`,
  },
];

/** Actions that may be granted on `*` alone, and where AWS says so. */
const EVERYWHERE: readonly { readonly actions: RegExp; readonly link: string }[] = [
  {
    actions: /^xray:(PutTraceSegments|PutTelemetryRecords|GetSamplingRules|GetSamplingTargets)$/,
    link: `${DOCS}/service-authorization/latest/reference/list_awsx-ray.html`,
  },
  {
    actions:
      /^logs:((Create|Get|Update|Delete)LogDelivery|ListLogDeliveries|PutResourcePolicy|DescribeResourcePolicies|DescribeLogGroups)$/,
    link: `${DOCS}/step-functions/latest/dg/cw-logs.html#cloudwatch-iam-policy`,
  },
];

/** Where AWS says that an action knows no resource but `*`; undefined where it knows one. */
export function everywhereOf({ action: { name } }: Pick<Grant, "action">): string | undefined {
  return EVERYWHERE.find(({ actions }) => actions.test(name))?.link;
}

/** What is wider than it may be: a pattern of actions, `*` where AWS knows resources, a grant to everybody, one given twice. */
export function tooWide(grants: readonly Grant[]): string[] {
  const given = grants.filter(({ kind }) => kind !== "refusal");
  const ids = given.map(({ id }) => id);
  return [
    ...given.filter(({ action }) => /[*?]/.test(action.name)).map(({ id }) => `${id}: a pattern of actions`),
    ...given
      .filter((grant) => grant.kind === "role" && grant.on === "*" && !everywhereOf(grant))
      .map(({ id }) => `${id}: AWS knows resources of it`),
    ...given.filter(({ kind, on }) => kind !== "role" && on === "*").map(({ id }) => `${id}: to everybody`),
    ...ids.filter((id, index) => ids.indexOf(id) < index).map((id) => `${id}: twice`),
  ];
}
