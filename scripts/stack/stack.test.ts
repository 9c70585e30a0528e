import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { bootTwin, type Twin } from "../../local/aws/boot.ts";
import { ADMINISTRATOR } from "../../local/aws/kernel/kernel.ts";
import { table } from "../../local/aws/testing.ts";
import { describeRemoval } from "./remove.ts";
import { chooseDeployment, deployedAt } from "./rollback.ts";

const bucket = { Type: "AWS::S3::Bucket", Properties: {} };
const DeletionPolicy = "RetainExceptOnCreate";
const RESOURCES = {
  ServerlessDeploymentBucket: bucket,
  Pages: { ...bucket, Properties: { BucketName: "pages" } },
  Going: table({ TableName: "going", DeletionProtectionEnabled: true }),
  Staying: table({ TableName: "staying", DeletionProtectionEnabled: true }, { DeletionPolicy }),
};

let twin: Twin;

beforeEach(async () => {
  const template = { Resources: RESOURCES };
  twin = await bootTwin({ template, artifacts: import.meta.dirname, stackName: "connector-fleet-dev" });
});
afterEach(() => twin.stop());

const aws = (service: string, operation: string, input: object) =>
  twin.kernel.call(service, operation, input, { principal: ADMINISTRATOR });

/** Runs one of the programs on the twin, with nobody to be asked. */
async function run(program: string, ...args: string[]) {
  const env = { ...process.env, AWS_ENDPOINT_URL: twin.origin, SLS_AWS_MONITORING_FREQUENCY: "100" };
  const child = spawn(process.execPath, [join(import.meta.dirname, program), ...args], { env });
  child.stdin.end();
  const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, "exit")]);
  return { stdout, stderr, code };
}

describe("npm run remove", () => {
  test("empties and unprotects what goes, and leaves what stays", async () => {
    await aws("s3", "PutObject", { Bucket: "pages", Key: "a", Body: "1" });
    const { stdout, stderr, code } = await run("remove.ts", "--stage", "dev", "--yes");
    expect([code, stderr]).toEqual([0, expect.not.stringContaining("error")]);
    expect(stdout).toContain("Stays:\n  table staying\n  the connections");
    await expect(aws("dynamodb", "ListTables", {})).resolves.toEqual({ TableNames: ["staying"] });
    await expect(aws("s3", "ListBuckets", {})).resolves.toEqual({ Buckets: [] });

    const again = await run("remove.ts", "--stage", "dev", "--yes");
    expect([again.code, again.stdout]).toEqual([0, "There is no stack connector-fleet-dev: nothing is removed.\n"]);
  }, 300_000);

  test.each([
    [["--stage", "dev"], "error: nobody can be asked here; give --yes; see 'npm run remove -- --help'\n"],
    [["--yes"], "error: give --stage; see 'npm run remove -- --help'\n"],
  ])(
    "with %j changes nothing",
    async (args, told) => {
      await expect(run("remove.ts", ...args)).resolves.toEqual({ code: 2, stdout: "", stderr: told });
      expect(twin.resources.size).toBe(4);
    },
    60_000,
  );

  test("says first what goes and what stays", () => {
    const of = (logicalId: string, type: string, stays = false) => ({ logicalId, type, ref: logicalId, stays });
    const resources = [of("T", "AWS::DynamoDB::Table", true), of("B", "AWS::S3::Bucket"), of("Q", "AWS::SQS::Queue")];
    expect(describeRemoval({ name: "fleet", isProtected: false, template: {}, resources })).toMatchInlineSnapshot(`
"The stack fleet is removed.
Goes, with everything in it and for good:
  bucket B
  1 more resources: functions, queues with their messages, rules, the archive of events, logs, alarms
Stays:
  table T
  the connections in Secrets Manager; 'npx fleet connect <system> --remove' removes one"
`);
  });
});

describe("npm run rollback", () => {
  test("without a deployment before says so, and which stack there is not", async () => {
    const alone = await run("rollback.ts", "--stage", "dev");
    expect([alone.code, alone.stderr]).toEqual([1, expect.stringContaining("there is no deployment before the one")]);
    const none = await run("rollback.ts", "--stage", "prod");
    expect([none.code, none.stderr]).toEqual([1, expect.stringContaining("there is no stack connector-fleet-prod")]);
  }, 60_000);

  test("reads from the packages' names which deployment is deployed", () => {
    const S3Key = "serverless/connector-fleet/dev/1795912026000-2026-11-29T00:27:06.000Z/a.zip";
    const Worker = { Type: "AWS::Lambda::Function", Properties: { Code: { S3Key } } };
    expect(deployedAt({ template: { Resources: { Bucket: bucket, Worker } } })).toBe(1_795_912_026_000);
    expect(deployedAt({ template: {} })).toBeUndefined();
  });

  test("chooses the newest before it, or the one that is asked for", () => {
    expect(chooseDeployment([1, 2, 3], 3, undefined)).toBe(2);
    // After a rollback the one before is the one before that.
    expect(chooseDeployment([1, 2, 3], 2, undefined)).toBe(1);
    expect(chooseDeployment([1, 2, 3], 2, "3")).toBe(3);
    expect(() => chooseDeployment([1, 2, 3], 1, undefined)).toThrow("there is no deployment before");
    expect(() => chooseDeployment([1, 2], 2, "7")).toThrow("there is no deployment '7'");
  });
});
