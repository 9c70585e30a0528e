import { bootTwin, type Twin } from "./aws/boot.ts";
import { type Saas, type SaasOptions, startSaas } from "./saas/index.ts";

export interface Servers {
  readonly twin: Twin;
  readonly saas: Saas;
  stop(): Promise<void>;
}

/** Every server that this machine has while a fleet runs, without a fleet and with these accounts. */
export async function startServers(accounts: NonNullable<SaasOptions["seed"]>["accounts"]): Promise<Servers> {
  const twin = await bootTwin({ template: { Resources: {} }, artifacts: "." });
  const ports = { salesforce: 0, stripe: 0, slack: 0, page: 0 };
  const saas = await startSaas({ ports, aws: { origin: twin.origin }, seed: { accounts } }).catch(async (error) => {
    await twin.stop();
    throw error;
  });
  const stop = async () => {
    await saas.stop();
    await twin.stop();
  };
  return { twin, saas, stop };
}
