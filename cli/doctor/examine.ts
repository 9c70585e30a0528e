import { createSalesforce } from "../../functions/salesforce/client.ts";
import { connectTo } from "../../functions/salesforce/org/connect.ts";
import type { ReadSecret } from "../../shared/connections.ts";
import { describeFailure } from "../failure.ts";
import { type Check, ESSENTIAL, type Examination, FURTHER, failed, type Subject } from "./checks.ts";

/** Everything that was found about one organisation. */
export interface Report {
  readonly orgId: string;
  readonly checks: readonly Check[];
}

/** Examines the connection to one organisation. What stands in the way of all further checks ends the examination. */
export async function examineOrg(orgId: string, secretId: string, readSecret: ReadSecret): Promise<Report> {
  const connect = connectTo(orgId, secretId, readSecret);
  const checks: Check[] = [];
  const report = { orgId, checks };
  const secret = await attempt("secret", `store the whole connection in ${secretId}`, async () => {
    const { loginUrl } = await connect({ forceFetch: false });
    return [{ name: "secret", ok: true, detail: `${secretId} connects to ${loginUrl}` }];
  });
  checks.push(...secret);
  if (!isWell(secret)) return report;
  const subject = { salesforce: createSalesforce(connect), connection: await connect({ forceFetch: false }) };
  for (const examination of ESSENTIAL) {
    const found = await run(examination, subject);
    checks.push(...found);
    if (!isWell(found)) return report;
  }
  checks.push(...(await Promise.all(FURTHER.map((examination) => run(examination, subject)))).flat());
  return report;
}

/** Whether everything is as it should be. */
export function isWell(checks: readonly Check[]): boolean {
  return checks.every(({ ok }) => ok);
}

function run({ name, advice, run }: Examination, subject: Subject): Promise<readonly Check[]> {
  return attempt(name, advice, () => run(subject));
}

async function attempt(name: string, advice: string, work: () => Promise<readonly Check[]>): Promise<readonly Check[]> {
  try {
    return await work();
  } catch (error) {
    return [failed(name, describeFailure(error).sentence, advice)];
  }
}
