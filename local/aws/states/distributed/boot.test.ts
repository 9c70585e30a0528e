import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import {
  DescribeExecutionCommand,
  DescribeMapRunCommand,
  ListMapRunsCommand,
  SFNClient,
  StartExecutionCommand,
} from "@aws-sdk/client-sfn";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { bootTwin, type Twin } from "../../boot.ts";
import { createLogs } from "../../logs/index.ts";
import { createS3 } from "../../s3/index.ts";
import { eventually } from "../../testing.ts";
import { createStates } from "../index.ts";
import { only } from "../testing.ts";
import { BUCKET, distributed, objectReader, WRITER } from "./harness.ts";

const ACCOUNT = "arn:aws:states:us-east-1:123456789012";
let stateDir: string;

beforeEach(() => {
  stateDir = mkdtempSync(join(tmpdir(), "twin-test-"));
});
afterEach(() => rmSync(stateDir, { recursive: true }));

// The policies of https://docs.aws.amazon.com/step-functions/latest/dg/iam-policies-eg-dist-map.html
const Statement = [
  { Effect: "Allow", Action: "states:StartExecution", Resource: `${ACCOUNT}:stateMachine:backfill` },
  { Effect: "Allow", Action: "states:DescribeExecution", Resource: `${ACCOUNT}:execution:backfill:*` },
  { Effect: "Allow", Action: "s3:GetObject", Resource: `arn:aws:s3:::${BUCKET}/in/*` },
  { Effect: "Allow", Action: "s3:PutObject", Resource: `arn:aws:s3:::${BUCKET}/out/*` },
];

function template(statements: readonly object[]): object {
  const trust = { Effect: "Allow", Principal: { Service: "states.amazonaws.com" }, Action: "sts:AssumeRole" };
  const waits = only(
    { Type: "Wait", Seconds: "{% $states.input.n = 0 ? 0 : 1 %}", Output: "{% $states.input.n %}" },
    "Hold",
  );
  const Definition = {
    QueryLanguage: "JSONata",
    ...only(
      distributed(waits, { ItemReader: objectReader("in/items", { InputType: "JSONL" }), ResultWriter: WRITER }),
      "Each",
    ),
  };
  return {
    Resources: {
      Bucket: { Type: "AWS::S3::Bucket", Properties: { BucketName: BUCKET } },
      Role: {
        Type: "AWS::IAM::Role",
        Properties: {
          AssumeRolePolicyDocument: { Statement: [trust] },
          Policies: [{ PolicyName: "own", PolicyDocument: { Statement: statements } }],
        },
      },
      Machine: {
        Type: "AWS::StepFunctions::StateMachine",
        Properties: { StateMachineName: "backfill", RoleArn: { "Fn::GetAtt": ["Role", "Arn"] }, Definition },
      },
    },
  };
}

interface Session {
  readonly twin: Twin;
  readonly sfn: SFNClient;
  readonly s3: S3Client;
  stop(): Promise<void>;
}

async function boot(statements: readonly object[], clockScale: number): Promise<Session> {
  const services = [createLogs, createS3, createStates];
  const twin = await bootTwin({ template: template(statements), artifacts: stateDir, stateDir, clockScale, services });
  const credentials = { accessKeyId: "AKIATEST", secretAccessKey: "secret" };
  const settings = { endpoint: twin.origin, region: "us-east-1", credentials };
  const [sfn, s3] = [new SFNClient(settings), new S3Client(settings)];
  const stop = async () => {
    sfn.destroy();
    s3.destroy();
    await twin.stop();
  };
  return { twin, sfn, s3, stop };
}

const succeeded = async ({ sfn }: Session, executionArn: string | undefined) => {
  const { mapRuns = [] } = await sfn.send(new ListMapRunsCommand({ executionArn }));
  if (!mapRuns[0]) return undefined;
  return (await sfn.send(new DescribeMapRunCommand({ mapRunArn: mapRuns[0].mapRunArn }))).itemCounts?.succeeded;
};

test("with the documented permissions a Map Run goes on over a restart of the whole twin", async () => {
  const before = await boot(Statement, 0.001); // the second item would wait for minutes
  const put = new PutObjectCommand({ Bucket: BUCKET, Key: "in/items", Body: '{"n":0}\n{"n":1}\n{"n":2}\n' });
  await before.s3.send(put);
  const stateMachineArn = `${ACCOUNT}:stateMachine:backfill`;
  const { executionArn } = await before.sfn.send(new StartExecutionCommand({ stateMachineArn }));
  await eventually(async () => ((await succeeded(before, executionArn)) === 1 ? true : undefined));
  await before.stop();

  const after = await boot(Statement, 1000);
  const done = await eventually(async () => {
    const description = await after.sfn.send(new DescribeExecutionCommand({ executionArn }));
    return description.status === "RUNNING" ? undefined : description;
  });
  expect(done.status).toBe("SUCCEEDED");
  expect(await succeeded(after, executionArn)).toBe(3);
  await after.stop();
});

test.each(["states:StartExecution", "states:DescribeExecution", "s3:GetObject", "s3:PutObject"])(
  "without %s it fails and says so",
  async (action) => {
    const session = await boot(
      Statement.filter(({ Action }) => Action !== action),
      1000,
    );
    await session.s3.send(new PutObjectCommand({ Bucket: BUCKET, Key: "in/items", Body: "1" }));
    const stateMachineArn = `${ACCOUNT}:stateMachine:backfill`;
    const { executionArn } = await session.sfn.send(new StartExecutionCommand({ stateMachineArn }));
    const failed = await eventually(async () => {
      const description = await session.sfn.send(new DescribeExecutionCommand({ executionArn }));
      return description.status === "RUNNING" ? undefined : description;
    });
    expect(failed).toMatchObject({ status: "FAILED", cause: expect.stringContaining(action) });
    await session.stop();
  },
);
