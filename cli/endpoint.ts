import { readFileSync } from "node:fs";
import { join } from "node:path";

/** Where a local fleet keeps its state, unless told otherwise. */
export const TWIN_FOLDER = join(import.meta.dirname, "..", ".twin");

interface Running {
  readonly origin: string;
  readonly pid: number;
}

/** What the twin takes from anybody on this machine. */
export const LOCAL = { region: "us-east-1", credentials: { accessKeyId: "local", secretAccessKey: "local" } };
let isSaid = false;

/**
 * SDK options: AWS_ENDPOINT_URL when set, else the local fleet while it runs, else AWS with the person's own region and
 * credentials. An endpoint on this machine needs neither.
 */
export function clientOptions(env = process.env): object {
  if (env.AWS_ENDPOINT_URL) return isLoopback(env.AWS_ENDPOINT_URL) ? localOptions(env) : {};
  const running = localFleet();
  if (!running) return {};
  if (!isSaid) console.error(`Reading the local fleet at ${running.origin}.`);
  isSaid = true;
  return { ...LOCAL, endpoint: running.origin };
}

/** Whether commands work on a fleet of this machine: the endpoint that is given, or the one that runs. */
export function isLocal(env = process.env): boolean {
  return env.AWS_ENDPOINT_URL ? isLoopback(env.AWS_ENDPOINT_URL) : localFleet() !== undefined;
}

/** What the environment says wins; the rest need not be said. */
function localOptions(env: NodeJS.ProcessEnv): object {
  const hasRegion = env.AWS_REGION || env.AWS_PROFILE;
  const hasCredentials = env.AWS_ACCESS_KEY_ID || env.AWS_PROFILE;
  return {
    ...(hasRegion ? {} : { region: env.AWS_DEFAULT_REGION ?? LOCAL.region }),
    ...(hasCredentials ? {} : { credentials: LOCAL.credentials }),
  };
}

function isLoopback(url: string): boolean {
  const { hostname } = URL.parse(url) ?? {};
  return hostname === "localhost" || hostname === "[::1]" || /^127\./.test(hostname ?? "");
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
