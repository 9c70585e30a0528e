import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "@jest/globals";
import { expectInStep, packagedTemplate, startTestFleet, type TestFleet } from "../support/fleet.ts";
import { eventually } from "../support/wait.ts";

let fleet: TestFleet | undefined;

afterEach(() => fleet?.stop());

/** The packaged template without one action of one role. */
async function templateWithout(roleId: string, action: string): Promise<object> {
  const template = await packagedTemplate();
  let removed = 0;
  for (const policy of template.Resources[roleId].Properties.Policies)
    for (const statement of policy.PolicyDocument.Statement) {
      const actions = [statement.Action].flat();
      const kept = actions.filter((name: string) => name !== action);
      removed += actions.length - kept.length;
      statement.Action = kept.length > 0 ? kept : ["sts:GetCallerIdentity"];
    }
  expect(removed).toBeGreaterThan(0);
  return template;
}

test.each([
  ["CustomersDashupsertIamRoleLambdaExecution", "dynamodb:UpdateItem", "customer-sync/UpsertCustomer"],
  [
    "BillingDashupsertDashcustomerIamRoleLambdaExecution",
    "secretsmanager:GetSecretValue",
    "customer-sync/UpsertBilling",
  ],
  ["CustomerSyncRole", "lambda:InvokeFunction", "customer-sync/UpsertCustomer"],
])(
  "without %s's %s the work is parked at %s, and the reason names the permission",
  async (role, action, hop) => {
    fleet = await startTestFleet({ template: await templateWithout(role, action) });
    const { id } = await fleet.salesforce<{ id: string }>("POST", "sobjects/Account", { Name: "Denied", Phone: "1" });
    const work = await eventually(async () => {
      const found = (await fleet?.parked())?.filter((item) => item.hop.endsWith(hop)) ?? [];
      expect(found.length).toBeGreaterThan(0);
      return found[0];
    }, 60_000);
    expect(work?.input).toContain(id);
    expect(work?.errorMessage).toContain(`is not authorized to perform: ${action}`);
  },
  120_000,
);

test.each([
  ["FlowsDashdispatchIamRoleLambdaExecution", "states:StartSyncExecution"],
  ["SalesforceDashcaptureIamRoleLambdaExecution", "events:PutEvents"],
])(
  "without %s's %s messages wait, an alarm calls, and after the mend they go on by themselves",
  async (role, action) => {
    const stateDir = mkdtempSync(join(tmpdir(), "fleet-permissions-"));
    try {
      const broken = await startTestFleet({ stateDir, template: await templateWithout(role, action) });
      fleet = broken;
      await broken.salesforce("POST", "sobjects/Account", { Name: "Denied", Phone: "1" });
      const AlarmNames = ["connector-fleet-local-messages-denied"];
      await eventually(async () => {
        const { MetricAlarms } = await broken.aws("monitoring", "DescribeAlarms", { AlarmNames });
        expect(MetricAlarms).toMatchObject([{ StateValue: "ALARM" }]);
      }, 90_000);
      expect(await broken.parked()).toEqual([]);
      await broken.stop();

      const mended = await startTestFleet({ stateDir });
      fleet = mended;
      await eventually(() => expectInStep(mended), 90_000);
      expect(await mended.parked()).toEqual([]);
    } finally {
      await fleet?.stop();
      rmSync(stateDir, { recursive: true, force: true });
    }
  },
  240_000,
);
