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
  ["CustomersDashupsertIamRoleLambdaExecution", "dynamodb:UpdateItem", "failed-customer-sync"],
  ["CustomerSyncRole", "lambda:InvokeFunction", "failed-customer-sync"],
  ["BillingDashupsertDashcustomerIamRoleLambdaExecution", "secretsmanager:GetSecretValue", "key-refused-billing"],
  ["FlowsDashdispatchIamRoleLambdaExecution", "states:StartSyncExecution", "messages-denied"],
  ["SalesforceDashcaptureIamRoleLambdaExecution", "events:PutEvents", "messages-denied"],
])(
  "without %s's %s work waits, %s calls, and after the mend it goes on by itself",
  async (role, action, alarm) => {
    const stateDir = mkdtempSync(join(tmpdir(), "fleet-permissions-"));
    try {
      const broken = await startTestFleet({ stateDir, template: await templateWithout(role, action) });
      fleet = broken;
      const { id } = await broken.salesforce<{ id: string }>("POST", "sobjects/Account", {
        Name: "Denied",
        Phone: "1",
      });
      const AlarmNames = [`connector-fleet-local-${alarm}`];
      await eventually(async () => {
        const { MetricAlarms } = await broken.aws("monitoring", "DescribeAlarms", { AlarmNames });
        expect(MetricAlarms).toMatchObject([{ StateValue: "ALARM" }]);
      }, 120_000);
      expect(await broken.parked()).toEqual([]);
      await broken.stop();

      const mended = await startTestFleet({ stateDir, clock: broken.clock });
      fleet = mended;
      await mended.pass(600);
      await eventually(() => expectInStep(mended), 90_000);
      expect((await mended.stored()).map(({ customerId }) => customerId)).toEqual([id]);
      expect(await mended.parked()).toEqual([]);
    } finally {
      await fleet?.stop();
      rmSync(stateDir, { recursive: true, force: true });
    }
  },
  300_000,
);
