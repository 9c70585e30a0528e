import { readFileSync } from "node:fs";
import { expect, test } from "@jest/globals";
import { toLongId } from "../../functions/salesforce/org/ids.ts";
import { packageFleet } from "../../local/packaging.ts";
import { refusalsOf } from "../../scripts/serverless/refusals.ts";

const ORGS = 100;
/** The longest name that a stage may have. */
const STAGE = "a-stage-of-20-letter";

test("a hundred organisations in a stage with the longest name are packaged within AWS's limits", async () => {
  const sources = Array.from({ length: ORGS }, (_, n) => {
    const org = toLongId(`00D5f00000${String(n).padStart(5, "0")}`);
    return `aws.partner/salesforce.com/${org}/0YL5f0000000001GAA`;
  });
  const { template } = await packageFleet(STAGE, undefined, { salesforceEventSource: sources.join(",") });
  const whole = JSON.parse(readFileSync(template, "utf8"));
  expect(await refusalsOf(whole)).toEqual([]);
  expect(Object.keys(whole.Resources).filter((id) => /^Salesforce\w+Bus$/.test(id))).toHaveLength(ORGS);
  // What CloudFormation takes from S3. https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
  expect(readFileSync(template).length).toBeLessThan(1_000_000);
}, 240_000);

test("the template of one organisation is one that AWS takes", async () => {
  const { template } = await packageFleet("local");
  expect(await refusalsOf(JSON.parse(readFileSync(template, "utf8")))).toEqual([]);
}, 240_000);
