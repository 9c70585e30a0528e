import { bootTwin } from "../../local/aws/boot.ts";
import { ADMINISTRATOR } from "../../local/aws/kernel/kernel.ts";
import { createSecretsManager } from "../../local/aws/secretsmanager/index.ts";
import { startSalesforce } from "../../local/saas/salesforce/emulator.ts";
import { startSlack } from "../../local/saas/slack/emulator.ts";
import { startStripe } from "../../local/saas/stripe/emulator.ts";
import { runFleetAt } from "../testing.ts";
import type { System } from "./names.ts";

/** A Secrets Manager of its own, and the three systems; what the command line does with them. */
export async function startConnectable() {
  const twin = await bootTwin({
    template: { Resources: {} },
    artifacts: ".",
    services: [createSecretsManager],
  });
  const systems = {
    salesforce: await startSalesforce({ port: 0 }),
    stripe: await startStripe({ port: 0 }),
    slack: await startSlack({ port: 0 }),
  };
  // biome-ignore lint/suspicious/noExplicitAny: AWS's answers have no types of their own here
  const secrets = <T = any>(operation: string, input: object): Promise<T> =>
    twin.kernel.call("secretsmanager", operation, input, { principal: ADMINISTRATOR });
  return {
    ...systems,
    secrets,
    /** Runs `fleet connect`, with JSON on standard input where something is given. */
    connect: (args: readonly string[], input?: object) =>
      runFleetAt(twin.origin, ["connect", ...args], {}, input && JSON.stringify(input)),
    /** The name of a secret. */
    named: (system: System) =>
      `connector-fleet/local/${system}${system === "salesforce" ? `/${systems.salesforce.orgId}` : ""}`,
    async value(name: string): Promise<unknown> {
      return JSON.parse((await secrets("GetSecretValue", { SecretId: name })).SecretString);
    },
    /** Forgets every connection. */
    async clear(): Promise<void> {
      const { SecretList } = await secrets("ListSecrets", { IncludePlannedDeletion: true });
      for (const { Name: SecretId } of SecretList) {
        await secrets("RestoreSecret", { SecretId });
        await secrets("DeleteSecret", { SecretId, ForceDeleteWithoutRecovery: true });
      }
    },
    async stop(): Promise<void> {
      for (const system of Object.values(systems)) await system.stop();
      await twin.stop();
    },
  };
}
