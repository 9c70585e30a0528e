import { afterEach, expect, test } from "@jest/globals";
import { packagedTemplate, startTestFleet, type TestFleet } from "../support/fleet.ts";
import { eventually } from "../support/wait.ts";

const PATIENCE_MS = 90_000;

let fleet: TestFleet;

afterEach(() => fleet?.stop());

async function allStored(ids: readonly string[]): Promise<void> {
  await eventually(async () => {
    const stored = new Set((await fleet.stored()).map(({ customerId }) => customerId));
    expect(ids.filter((id) => !stored.has(id))).toEqual([]);
  }, PATIENCE_MS);
}

// biome-ignore lint/suspicious/noExplicitAny: CloudFormation has no type of its own here
type Template = any;

function withoutUpdates(template: Template): void {
  const role = template.Resources.BillingDashupsertDashcustomerIamRoleLambdaExecution;
  for (const policy of role.Properties.Policies)
    for (const statement of policy.PolicyDocument.Statement)
      statement.Action = [statement.Action].flat().filter((name: string) => name !== "dynamodb:UpdateItem");
}

function withoutCode(template: Template): void {
  template.Resources.BillingDashupsertDashcustomerLambdaFunction.Properties.Handler = "nowhere.handler";
}

test.each([
  ["may not write to the store", withoutUpdates],
  ["does not even load after a bad deploy", withoutCode],
])(
  "while billing %s nothing is parked, however many days that lasts",
  async (_what, breakIt) => {
    const template = await packagedTemplate();
    breakIt(template);
    fleet = await startTestFleet({ template });
    const ids = await Promise.all([1, 2, 3, 4, 5, 6].map((n) => fleet.createAccount(`Waits ${n}`)));
    await allStored(ids);
    await fleet.pass(25 * 3600, 3600);
    await fleet.pass(3600, 900);
    expect((await fleet.parked()).map(({ hop, errorName }) => ({ hop, errorName }))).toEqual([]);
  },
  300_000,
);
