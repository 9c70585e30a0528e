import { z } from "zod";
import { createSalesforce } from "../../functions/salesforce/client.ts";
import { connectTo } from "../../functions/salesforce/org/connect.ts";
import { type ReadSecret, readConnection } from "../../shared/connections.ts";
import { ungated } from "../../shared/targets/gate.ts";
import type { System } from "../connect/names.ts";
import { DEFINITIONS } from "../connect/systems.ts";
import { describeFailure } from "../failure.ts";
import { type Check, ESSENTIAL, type Examination, FURTHER, failed, type Subject } from "./checks.ts";

/** Everything that was found about one connection. */
export interface Report {
  readonly system: System;
  /** Of Salesforce alone. */
  readonly orgId?: string;
  readonly checks: readonly Check[];
}

/**
 * Examines the connection to one organisation. What stands in the way of all further checks ends the examination.
 * @param connectWith the command that makes the connection
 */
export async function examineOrg(
  orgId: string,
  secretId: string,
  readSecret: ReadSecret,
  connectWith: string,
): Promise<Report> {
  const connect = connectTo(orgId, secretId, readSecret);
  const checks: Check[] = [];
  const report = { system: "salesforce" as const, orgId, checks };
  const secret = await attempt("secret", adviceBy(connectWith), async () => {
    const { loginUrl } = await connect({ forceFetch: false });
    return [{ name: "secret", ok: true, detail: `${secretId} connects to ${loginUrl}` }];
  });
  checks.push(...secret);
  if (!isWell(secret)) return report;
  const subject = {
    salesforce: createSalesforce(connect, { gate: ungated, orgId }),
    connection: await connect({ forceFetch: false }),
  };
  for (const examination of ESSENTIAL) {
    const found = await run(examination, subject);
    checks.push(...found);
    if (!isWell(found)) return report;
  }
  checks.push(...(await Promise.all(FURTHER.map((examination) => run(examination, subject)))).flat());
  return report;
}

/** Tries the connection to Stripe or Slack as `fleet connect` does. */
export async function examineTarget(
  system: "stripe" | "slack",
  secretId: string,
  readSecret: ReadSecret,
  connectWith: string,
): Promise<Report> {
  const checks = await attempt("secret", adviceBy(connectWith), async () => {
    const connection = await readConnection(secretId, z.looseObject({}), { readSecret });
    const { text } = await DEFINITIONS[system].test(secretId, connection);
    return [{ name: "secret", ok: true, detail: text }];
  });
  return { system, checks };
}

/** What makes a connection that is missing, or puts another one in the place of one that does not do. */
function adviceBy(connectWith: string): (error: unknown) => string {
  return (error) => ((error as { code?: unknown }).code === "SECRET_MISSING" ? connectWith : `${connectWith} --rotate`);
}

/** Whether everything is as it should be. */
export function isWell(checks: readonly Check[]): boolean {
  return checks.every(({ ok }) => ok);
}

function run({ name, advice, run }: Examination, subject: Subject): Promise<readonly Check[]> {
  return attempt(name, advice, () => run(subject));
}

async function attempt(
  name: string,
  advice: string | ((error: unknown) => string),
  work: () => Promise<readonly Check[]>,
): Promise<readonly Check[]> {
  try {
    return await work();
  } catch (error) {
    const what = typeof advice === "string" ? advice : advice(error);
    return [failed(name, describeFailure(error).sentence, what)];
  }
}
