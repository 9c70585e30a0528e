import { spawn } from "node:child_process";
import { once } from "node:events";
import { cp, rm } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { packageFleet } from "../../local/packaging.ts";
import { expectInStep, startTestFleet, type TestFleet } from "../support/fleet.ts";
import { ADDED, copyService } from "../support/service-copy.ts";
import { eventually } from "../support/wait.ts";

const ROOT = join(import.meta.dirname, "..", "..");
const SERVERLESS = join(ROOT, "node_modules", "serverless", "bin", "serverless.js");
const STAGE = ["--stage", "local"];
/** Of the first version. The framework works in a folder `.serverless`, and clears it. */
const PACKAGE = "package";
/** Each step may package, and runs the framework once; much more than it needs on an idle machine. */
const STEP_MS = 600_000;
const ARRIVES_MS = 120_000;

let fleet: TestFleet;
let first: string;
let second: string;

beforeAll(async () => {
  first = copyService(false);
  const { artifacts } = await packageFleet("local");
  await cp(artifacts, join(first, PACKAGE), { recursive: true });
  second = copyService(true);
  // An account with nothing in it, and the systems around it. Waits as on AWS, for nothing here is adjusted.
  fleet = await startTestFleet({ template: {}, clockScale: 1 });
}, STEP_MS);

afterAll(async () => {
  await fleet?.stop();
  for (const folder of [first, second]) if (folder) await rm(folder, { recursive: true });
});

/** Runs a program on the local AWS. @returns what it printed @throws with it when it fails */
async function run(cwd: string, program: string, ...args: string[]): Promise<string> {
  const env = {
    ...process.env,
    AWS_ENDPOINT_URL: fleet.twin.origin,
    AWS_REGION: "us-east-1",
    AWS_ACCESS_KEY_ID: "local",
    AWS_SECRET_ACCESS_KEY: "local",
    SLS_AWS_MONITORING_FREQUENCY: "500",
  };
  const child = spawn(process.execPath, [program, ...args], { cwd, env, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => (output += chunk));
  const [code] = await once(child, "exit");
  if (code !== 0) throw new Error(`${program} ${args.join(" ")} ended with ${code}:\n${output}`);
  return output;
}

const deployFirst = () => run(first, SERVERLESS, "deploy", ...STAGE, "--package", PACKAGE);
const deploySecond = () => run(second, SERVERLESS, "deploy", ...STAGE, "--param=captureWindow=2");
const script = (name: string, ...args: string[]) => run(ROOT, join("scripts", "stack", name), ...STAGE, ...args);

async function status(): Promise<string> {
  const { Stacks } = await fleet.aws("cloudformation", "DescribeStacks", { StackName: "connector-fleet-local" });
  return Stacks[0].StackStatus;
}

/** Seconds that capture waits for more, and whether the second version's consumer is there. */
async function version() {
  const { EventSourceMappings } = await fleet.aws("lambda", "ListEventSourceMappings", {});
  const mappings = EventSourceMappings as { EventSourceArn: string; MaximumBatchingWindowInSeconds: number }[];
  const of = (queue: string) => mappings.find(({ EventSourceArn }) => EventSourceArn.endsWith(`-${queue}`));
  return { window: of("salesforce-changes")?.MaximumBatchingWindowInSeconds, isAdded: of(ADDED) !== undefined };
}

const inStep = () => eventually(() => expectInStep(fleet), ARRIVES_MS);

test(
  "an empty account is deployed to, by the unmodified framework",
  async () => {
    await deployFirst();
    expect(await status()).toMatch(/^(CREATE|UPDATE)_COMPLETE$/);
    expect(await version()).toEqual({ window: 1, isAdded: false });
    await fleet.createAccount("Before");
    await inStep();
  },
  STEP_MS,
);

test(
  "while a parameter changes and a consumer comes, the fleet works on and loses nothing",
  async () => {
    let isDone = false;
    const deploying = deploySecond().finally(() => {
      isDone = true;
    });
    for (let n = 0; !isDone && n < 200; n += 1) {
      await fleet.createAccount(`Meanwhile ${n}`);
      await Promise.race([deploying, new Promise((resolve) => setTimeout(resolve, 2_000).unref())]);
    }
    await deploying;
    expect(await status()).toBe("UPDATE_COMPLETE");
    expect(await version()).toEqual({ window: 2, isAdded: true });
    await fleet.createAccount("After");
    await inStep();
    expect(await fleet.parked()).toEqual([]);
  },
  STEP_MS,
);

test(
  "a rollback brings the version before back",
  async () => {
    expect(await script("rollback.ts")).toMatch(
      /connector-fleet-local goes back from the deployment of .+ to that of /,
    );
    expect(await version()).toEqual({ window: 1, isAdded: false });
    await fleet.createAccount("Back");
    await inStep();
  },
  STEP_MS,
);

test(
  "a removal says what goes, and leaves nothing but the connections",
  async () => {
    const told = await script("remove.ts", "--yes");
    expect(told).toContain("  table connector-fleet-local-customers\n");
    await expect(status()).rejects.toThrow("does not exist");
    expect(await fleet.aws("dynamodb", "ListTables", {})).toEqual({ TableNames: [] });
    const { SecretList } = await fleet.aws("secretsmanager", "ListSecrets", {});
    expect(SecretList).toHaveLength(3);
  },
  STEP_MS,
);

test(
  "what was removed is deployed again",
  async () => {
    await deployFirst();
    await fleet.createAccount("Again");
    await eventually(async () => {
      expect((await fleet.stored()).map(({ customer }) => customer?.name)).toEqual(["Again"]);
    }, ARRIVES_MS);
  },
  STEP_MS,
);
