import { readFileSync } from "node:fs";
import { join } from "node:path";

/** Where a local fleet keeps its state, unless told otherwise. */
export const TWIN_FOLDER = join(import.meta.dirname, "..", ".twin");

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

/** The file in which a running fleet says how to reach it. */
export function runningFile(stateDir = TWIN_FOLDER): string {
  return join(stateDir, "running.json");
}

/** The fleet that runs on a folder of state, if one does. */
export function localFleet(stateDir?: string): Running | undefined {
  try {
    const running: Running = JSON.parse(readFileSync(runningFile(stateDir), "utf8"));
    process.kill(running.pid, 0);
    return running;
  } catch {
    return undefined;
  }
}
