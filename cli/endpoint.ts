import { readFileSync } from "node:fs";
import { join } from "node:path";

/** Where a running local fleet says how to reach it. */
export const RUNNING_FILE = join(import.meta.dirname, "..", ".twin", "running.json");

interface Running {
  readonly origin: string;
  readonly pid: number;
}

/** SDK options: AWS_ENDPOINT_URL when set, else the local fleet while it runs, else AWS with the person's own credentials. */
export function clientOptions(): object {
  if (process.env.AWS_ENDPOINT_URL) return {};
  const running = localFleet();
  if (!running) return {};
  console.error(`Reading the local fleet at ${running.origin}.`);
  const credentials = { accessKeyId: "local", secretAccessKey: "local" };
  return { endpoint: running.origin, region: "us-east-1", credentials };
}

/** The fleet that runs from this folder, if one does. */
export function localFleet(): Running | undefined {
  try {
    const running: Running = JSON.parse(readFileSync(RUNNING_FILE, "utf8"));
    process.kill(running.pid, 0);
    return running;
  } catch {
    return undefined;
  }
}
