import { readFileSync } from "node:fs";
import { beforeAll, describe, expect, test } from "@jest/globals";
import { packagedTemplate } from "./support/fleet.ts";

// biome-ignore lint/suspicious/noExplicitAny: CloudFormation has no type of its own here
type Json = any;

const DAY_SECONDS = 86_400;
/** https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Point-in-time-recovery.html */
const RECOVERY_DAYS = 35;

const page = readFileSync(new URL("../docs/security.md", import.meta.url), "utf8");
const rows = page.split("\n").filter((line) => line.startsWith("| "));
const rowOf = (what: string) => rows.find((row) => row.startsWith(`| ${what}`)) ?? "";

let resources: Json[];
const ofType = (type: string) => resources.filter(({ Type }) => Type === type).map(({ Properties }) => Properties);

beforeAll(async () => {
  resources = Object.values<Json>((await packagedTemplate()).Resources);
}, 300_000);

describe("the findings that docs/security.md answers", () => {
  const all = (type: string) => ofType(type) as Json[];
  const statements = () =>
    all("AWS::IAM::Role")
      .flatMap(({ Policies = [] }) => Policies)
      .flatMap((one) => one.PolicyDocument.Statement);
  const listed = (value: Json) => [value].flat().map((one) => JSON.stringify(one));

  test("of IAM: no managed policies, and everything only where AWS knows nothing less", () => {
    expect(all("AWS::IAM::Role").flatMap(({ ManagedPolicyArns = [] }) => ManagedPolicyArns)).toEqual([]);
    const wide = statements().filter(({ Resource }) => listed(Resource).includes('"*"'));
    expect(wide.flatMap(({ Action }) => Action).filter((action) => !/^(?:xray|logs):/.test(action))).toEqual([]);
  });

  test("of functions: the runtime, tracing, no network, nothing asynchronous, concurrency bounded by the queue", () => {
    for (const { Runtime, TracingConfig, VpcConfig } of all("AWS::Lambda::Function"))
      expect([Runtime, TracingConfig, VpcConfig]).toEqual(["nodejs24.x", { Mode: "Active" }, undefined]);
    const targets = all("AWS::Events::Rule").flatMap(({ Targets }) => Targets);
    expect(targets.filter(({ Arn }) => /LambdaFunction/.test(JSON.stringify(Arn)))).toEqual([]);
    expect(targets.filter(({ DeadLetterConfig }) => !DeadLetterConfig)).toEqual([]);
    const consumers = all("AWS::Lambda::EventSourceMapping").filter(
      ({ EventSourceArn }) => !/DeadLetterQueue/.test(JSON.stringify(EventSourceArn)),
    );
    expect(consumers.filter(({ ScalingConfig }) => !ScalingConfig?.MaximumConcurrency)).toEqual([]);
  });

  test("of machines: traced, logged without data", () => {
    for (const { TracingConfiguration, LoggingConfiguration } of all("AWS::StepFunctions::StateMachine")) {
      expect(TracingConfiguration).toEqual({ Enabled: true });
      expect(LoggingConfiguration).toMatchObject({ Level: "ERROR", IncludeExecutionData: false });
    }
  });

  test("of queues and tables: encrypted, recoverable, with dead letters", () => {
    expect(all("AWS::SQS::Queue").filter(({ SqsManagedSseEnabled }) => SqsManagedSseEnabled !== true)).toEqual([]);
    const [ends, queues] = [
      all("AWS::SQS::Queue").filter((one) => !one.RedrivePolicy),
      all("AWS::SQS::Queue").filter((one) => one.RedrivePolicy),
    ];
    expect(ends).toHaveLength(queues.length);
    const policies = all("AWS::SQS::QueuePolicy").map((policy) => JSON.stringify(policy));
    expect(policies.filter((policy) => !policy.includes('"aws:SecureTransport":"false"'))).toEqual([]);
    for (const { SSESpecification, PointInTimeRecoverySpecification } of all("AWS::DynamoDB::Table")) {
      expect(SSESpecification).toEqual({ SSEEnabled: true });
      expect(PointInTimeRecoverySpecification).toMatchObject({ PointInTimeRecoveryEnabled: true });
    }
  });

  test("of buckets: encrypted, never public, over TLS alone, rid of unfinished uploads", () => {
    for (const { BucketEncryption, PublicAccessBlockConfiguration } of all("AWS::S3::Bucket")) {
      expect(JSON.stringify(BucketEncryption)).toContain('"AES256"');
      expect(Object.values(PublicAccessBlockConfiguration)).toEqual([true, true, true, true]);
    }
    expect(all("AWS::S3::BucketPolicy")).toHaveLength(all("AWS::S3::Bucket").length);
    const [{ LifecycleConfiguration }] = all("AWS::S3::Bucket").filter((bucket) => bucket.LifecycleConfiguration);
    expect(LifecycleConfiguration.Rules[0].AbortIncompleteMultipartUpload).toEqual({ DaysAfterInitiation: 1 });
  });

  test("of what is not in the template", () => {
    const types = resources.map(({ Type }) => Type);
    const absent = /^AWS::(?:SNS|SecretsManager|CloudFront|ApiGateway|ApiGatewayV2|Cognito|EC2|RDS)::/;
    expect(types.filter((type) => absent.test(type))).toEqual([]);
  });
});

describe("what docs/security.md says is kept how long", () => {
  test("is so for the archive, queues, backups, pages and logs", () => {
    expect(rowOf("events in the archive")).toContain(`| ${ofType("AWS::Events::Archive")[0].RetentionDays} days |`);
    const longest = Math.max(
      ...ofType("AWS::SQS::Queue").map((queue) => queue.MessageRetentionPeriod ?? 4 * DAY_SECONDS),
    );
    expect(rowOf("messages in queues")).toContain(`| ${longest / DAY_SECONDS} days at most |`);
    const recovered = ofType("AWS::DynamoDB::Table").map((table) => {
      return table.PointInTimeRecoverySpecification?.RecoveryPeriodInDays ?? RECOVERY_DAYS;
    });
    expect([...new Set(recovered)]).toEqual([RECOVERY_DAYS]);
    expect(rowOf("backups")).toContain(`| ${RECOVERY_DAYS} days, by point-in-time recovery |`);
    const [{ LifecycleConfiguration }] = ofType("AWS::S3::Bucket").filter((bucket) => bucket.LifecycleConfiguration);
    expect(rowOf("pages of a backfill")).toContain(`| ${LifecycleConfiguration.Rules[0].ExpirationInDays} days;`);
    const days = [...new Set(ofType("AWS::Logs::LogGroup").map((group) => group.RetentionInDays))];
    expect(rowOf("logs")).toContain(`\`logRetentionDays\`, ${days.join(" or ")} by default`);
  });

  test("is so for parked work, which is found by its customer", () => {
    const table = readFileSync(new URL("../shared/parked/table.ts", import.meta.url), "utf8");
    const [, days] = /const ENDED_DAYS = (\d+);/.exec(table) ?? [];
    expect(rowOf("input of parked work")).toMatch(new RegExp(`^\\| input .* \\| ${days} days after it has ended`));
    const parked = ofType("AWS::DynamoDB::Table").find((one) => JSON.stringify(one.KeySchema).includes("parkedId"));
    expect(parked.TimeToLiveSpecification).toEqual({ AttributeName: "expiresAt", Enabled: true });
  });
});
