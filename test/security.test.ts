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
}, 120_000);

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
    const daysOf = (name: string) => new RegExp(`const ${name} = (\\d+);`).exec(table)?.[1];
    expect(rowOf("input of parked work")).toMatch(
      new RegExp(`^\\| input .* \\| ${daysOf("OPEN_DAYS")} days .* ${daysOf("ENDED_DAYS")} days after it has ended`),
    );
    const parked = ofType("AWS::DynamoDB::Table").find((one) => JSON.stringify(one.KeySchema).includes("parkedId"));
    expect(parked.TimeToLiveSpecification).toEqual({ AttributeName: "expiresAt", Enabled: true });
  });
});
