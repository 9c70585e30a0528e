import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { clientOptions, isLocal, LOCAL } from "../../cli/endpoint.ts";
import { UsageError } from "../../cli/usage.ts";

const ROOT = join(import.meta.dirname, "..", "..");
const SERVERLESS = join(ROOT, "node_modules", "serverless", "bin", "serverless.js");

type Options = NonNullable<NonNullable<Parameters<typeof parseArgs>[0]>["options"]>;

/** Reads arguments with the stage, which has no default: what these programs do is not to be done by mistake. */
export function readStage(args: string[], options: Options): { stage: string; values: Record<string, unknown> } {
  const { values } = parseArgs({ args, options: { stage: { type: "string" }, ...options } });
  const { stage } = values as { stage?: string };
  if (!stage) throw new UsageError("give --stage");
  return { stage, values };
}

/** Runs `serverless` on what the clients here work on too. @returns its exit code */
export async function serverless(args: readonly string[]): Promise<number> {
  const { endpoint } = clientOptions() as { endpoint?: string };
  const { accessKeyId, secretAccessKey } = LOCAL.credentials;
  const local = {
    ...{ AWS_REGION: LOCAL.region, AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey },
    ...(endpoint ? { AWS_ENDPOINT_URL: endpoint } : {}),
  };
  const env = isLocal() ? { ...local, ...process.env } : process.env;
  const child = spawn(process.execPath, [SERVERLESS, ...args], { cwd: ROOT, env, stdio: "inherit" });
  const [code] = await once(child, "exit");
  return code ?? 1;
}
