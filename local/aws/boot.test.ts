import { createSocket } from "node:dgram";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { type BootOptions, bootTwin, type Twin } from "./boot.ts";
import { createDynamoDb } from "./dynamodb/index.ts";
import { ADMINISTRATOR } from "./kernel/kernel.ts";
import { createSecretsManager } from "./secretsmanager/index.ts";
import { defaultServices, type ServiceFactory } from "./services.ts";
import { createSsm } from "./ssm/index.ts";
import { table, testKernel } from "./testing.ts";

const template = {
  Resources: {
    Table: table({ TimeToLiveSpecification: { AttributeName: "expires", Enabled: true } }),
    Secret: { Type: "AWS::SecretsManager::Secret", Properties: { Name: "app", SecretString: "first" } },
    Setting: { Type: "AWS::SSM::Parameter", Properties: { Name: "/limit", Type: "String", Value: "25" } },
  },
};

let folder: string;
const running: Twin[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "twin-"));
});

afterEach(async () => {
  for (const twin of running.splice(0)) await twin.stop();
  await rm(folder, { recursive: true });
});

async function boot(options: Partial<BootOptions> = {}): Promise<Twin> {
  const services = [createDynamoDb, createSecretsManager, createSsm];
  const twin = await bootTwin({ template, artifacts: folder, services, ...options });
  running.push(twin);
  return twin;
}

const asAdministrator = { principal: ADMINISTRATOR };

const call = (twin: Twin, service: string, operation: string, input: object) =>
  twin.kernel.call(service, operation, input, asAdministrator);

describe("a state folder", () => {
  const state = () => join(folder, "state");

  test("brings items, secrets and parameters back, with what was changed by hand", async () => {
    const first = await boot({ stateDir: state() });
    await call(first, "dynamodb", "PutItem", { TableName: "things", Item: { id: { S: "1" }, n: { N: "1.50" } } });
    await call(first, "secretsmanager", "PutSecretValue", { SecretId: "app", SecretString: "by hand" });
    await call(first, "ssm", "PutParameter", { Name: "/limit", Value: "30", Overwrite: true });
    await first.stop();

    const second = await boot({ stateDir: state() });
    await expect(
      call(second, "dynamodb", "GetItem", { TableName: "things", Key: { id: { S: "1" } } }),
    ).resolves.toEqual({
      Item: { id: { S: "1" }, n: { N: "1.5" } },
    });
    await expect(call(second, "secretsmanager", "GetSecretValue", { SecretId: "app" })).resolves.toMatchObject({
      SecretString: "by hand",
    });
    await expect(call(second, "ssm", "GetParameter", { Name: "/limit" })).resolves.toMatchObject({
      Parameter: { Value: "30" },
    });
    await expect(call(second, "dynamodb", "DescribeTimeToLive", { TableName: "things" })).resolves.toMatchObject({
      TimeToLiveDescription: { TimeToLiveStatus: "ENABLED", AttributeName: "expires" },
    });
    expect(second.resources.get("Secret")).toEqual(first.resources.get("Secret"));
  });

  test("is written while the twin runs, readable by its owner only, with no half-written file left", async () => {
    const twin = await boot({ stateDir: state() });
    const path = join(state(), "secretsmanager.json");
    const deadline = Date.now() + 5000;
    while (!(await readFile(path, "utf8").catch(() => "")).includes("first") && Date.now() < deadline)
      await new Promise((resolve) => setImmediate(resolve));
    expect(JSON.parse(await readFile(path, "utf8"))).toHaveLength(1);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    await twin.stop();
    expect((await readdir(state())).sort()).toEqual(["dynamodb", "dynamodb.json", "secretsmanager.json", "ssm.json"]);
  });

  test("a new value in the template replaces the kept one", async () => {
    await (await boot({ stateDir: state() })).stop();
    const changed = structuredClone(template);
    changed.Resources.Secret.Properties.SecretString = "second";
    const twin = await boot({ stateDir: state(), template: changed });
    await expect(call(twin, "secretsmanager", "GetSecretValue", { SecretId: "app" })).resolves.toMatchObject({
      SecretString: "second",
    });
  });

  test("a kept table with other keys stops the boot with the way out", async () => {
    await (await boot({ stateDir: state() })).stop();
    const changed = structuredClone(template);
    changed.Resources.Table.Properties.KeySchema = [{ AttributeName: "key", KeyType: "HASH" }];
    changed.Resources.Table.Properties.AttributeDefinitions = [{ AttributeName: "key", AttributeType: "S" }];
    await expect(boot({ stateDir: state(), template: changed })).rejects.toThrow(
      "Table: Properties: the kept table things has other keys or indexes; start with --reset",
    );
  });

  test("a damaged snapshot stops the boot with its name", async () => {
    await (await boot({ stateDir: state() })).stop();
    await writeFile(join(state(), "ssm.json"), "{");
    await expect(boot({ stateDir: state() })).rejects.toThrow(`The state in ${join(state(), "ssm.json")} is damaged`);
  });
});

test("what the caller prepares is there before anything starts, also on a kept state", async () => {
  const seen: unknown[] = [];
  const function_: ServiceFactory = (kernel) => ({
    name: "function",
    wire: { kind: "rest", routes: [] },
    operations: {},
    async start() {
      const secret = await kernel.call("secretsmanager", "GetSecretValue", { SecretId: "app" }, asAdministrator);
      seen.push((secret as { SecretString: string }).SecretString);
    },
  });
  const begin = (value: string) =>
    boot({
      stateDir: join(folder, "state"),
      services: [createDynamoDb, createSecretsManager, createSsm, function_],
      prepare: async ({ kernel }) => {
        const input = { SecretId: "app", SecretString: value };
        await kernel.call("secretsmanager", "PutSecretValue", input, asAdministrator);
      },
    });
  await begin("port 1");
  await running.pop()?.stop();
  await begin("port 2");
  expect(seen).toEqual(["port 1", "port 2"]);
});

describe("a boot that fails", () => {
  test("stops every service and frees the port", async () => {
    const events: string[] = [];
    const watched: ServiceFactory = () => ({
      name: "watched",
      wire: { kind: "rest", routes: [] },
      operations: {},
      start: () => {
        events.push("start");
        throw new Error("no start");
      },
      stop: () => {
        events.push("stop");
      },
    });
    const { port } = new URL((await boot()).origin);
    await running.pop()?.stop();
    await expect(boot({ template: { Resources: {} }, services: [watched], port: Number(port) })).rejects.toThrow(
      "no start",
    );
    expect(events).toEqual(["start", "stop"]);
    await expect(boot({ port: Number(port) })).resolves.toBeDefined();
  });

  test("says what to do when there is no template", async () => {
    const missing = join(folder, "none.json");
    await expect(boot({ template: missing })).rejects.toThrow(
      `The template ${missing} cannot be read; run \`npx serverless package\` first.`,
    );
  });
});

test("the stack has the name that serverless gave it", async () => {
  const packaged = { service: { service: "connector-fleet", provider: { stage: "test" } } };
  await writeFile(join(folder, "serverless-state.json"), JSON.stringify(packaged));
  expect((await boot()).stackName).toBe("connector-fleet-test");
});

test("the X-Ray daemon listens on the port it is given", async () => {
  const probe = createSocket("udp4").bind(0, "127.0.0.1");
  await once(probe, "listening");
  const { port } = probe.address();
  probe.close();
  const xray = defaultServices.filter((create) => create(testKernel(), { artifacts: folder }).name === "xray");
  const { kernel } = await boot({ services: xray, template: { Resources: {} }, daemonPort: port });
  expect(kernel.daemonAddress).toBe(`127.0.0.1:${port}`);
});

test("stopping twice is stopping once", async () => {
  const twin = await boot();
  await Promise.all([twin.stop(), twin.stop()]);
  await expect(fetch(`${twin.origin}/_twin/health`)).rejects.toThrow("fetch failed");
});
