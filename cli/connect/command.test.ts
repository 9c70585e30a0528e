import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "@jest/globals";
import { startConnectable } from "./testing.ts";

let world: Awaited<ReturnType<typeof startConnectable>>;
/** Everything that may never be shown. */
let credentials: string[];

beforeAll(async () => {
  world = await startConnectable();
  const { salesforce, stripe, slack } = world;
  credentials = [
    salesforce.connection().clientSecret,
    salesforce.jwtConnection().privateKey,
    stripe.connection().apiKey,
    slack.connection().token,
    "rk_test_another",
  ];
});
afterAll(() => world.stop());
beforeEach(() => world.clear());

/** Runs the command, and holds that it shows no credential. */
async function connect(args: readonly string[], input?: object) {
  const run = await world.connect(args, input);
  expect(credentials.filter((secret) => `${run.out}${run.err}`.includes(secret))).toEqual([]);
  return run;
}

/** Connects a system. */
async function connected(system: "salesforce" | "stripe" | "slack"): Promise<void> {
  const { code, err } = await connect([system, "--stdin"], world[system].connection());
  expect([code, err]).toEqual([0, ""]);
}

describe("a connection to Salesforce", () => {
  test("by flags: logs in, tells the organisation, and is stored where functions look, with tags and description", async () => {
    const { loginUrl, clientId, clientSecret, orgId } = world.salesforce.connection();
    const flags = ["--login-url", loginUrl, "--client-id", clientId, "--client-secret", clientSecret];
    const { code, out } = await connect(["salesforce", ...flags]);
    expect([code, out]).toEqual([0, expect.stringContaining(`logged in to organisation ${orgId}, API version 66.0`)]);
    expect(await world.value(world.named("salesforce"))).toEqual({
      ...{ loginUrl, clientId, clientSecret, orgId },
      ...{ apiVersion: "66.0", integrationClientName: "connector-fleet" },
    });
    expect(await world.secrets("DescribeSecret", { SecretId: world.named("salesforce") })).toMatchObject({
      Description: expect.stringContaining("Salesforce"),
      Tags: [
        { Key: "service", Value: "connector-fleet" },
        { Key: "stage", Value: "local" },
      ],
    });
  });

  test("by the JWT bearer flow, with a key in a file", async () => {
    const { loginUrl, clientId, username, privateKey } = world.salesforce.jwtConnection();
    const folder = mkdtempSync(join(tmpdir(), "fleet-key-"));
    try {
      const file = join(folder, "key.pem");
      writeFileSync(file, privateKey);
      const flags = ["--login-url", loginUrl, "--client-id", clientId, "--username", username];
      const { code, out } = await connect(["salesforce", ...flags, "--private-key-file", file]);
      expect([code, out]).toEqual([0, expect.stringContaining(world.salesforce.orgId)]);
      expect(await world.value(world.named("salesforce"))).toMatchObject({ username, privateKey });
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test("to another organisation than the one that was named is refused", async () => {
    const { orgId: _, ...connection } = world.salesforce.connection();
    const { code, err } = await connect(["salesforce", "--stdin", "--org", "00D000000000002EAA"], connection);
    expect([code, err]).toEqual([1, expect.stringContaining(`leads to organisation ${world.salesforce.orgId}`)]);
    expect((await world.secrets("ListSecrets", {})).SecretList).toEqual([]);
  });

  test("of an API version that the organisation does not serve is refused", async () => {
    const { code, err } = await connect(["salesforce", "--stdin"], {
      ...world.salesforce.connection(),
      apiVersion: "10.0",
    });
    expect([code, err]).toEqual([1, expect.stringContaining("--api-version")]);
  });
});

test("a connection to Stripe is tried by a read, one to Slack by the token and the channel", async () => {
  const stripe = await connect(["stripe", "--stdin"], world.stripe.connection());
  expect([stripe.code, stripe.out]).toEqual([0, expect.stringContaining("let the key read customers")]);
  expect(await world.value(world.named("stripe"))).toEqual(world.stripe.connection());
  const slack = await connect(["slack", "--stdin"], world.slack.connection());
  expect([slack.code, slack.out]).toEqual([0, expect.stringContaining("may post to the channel")]);
  expect(await world.value(world.named("slack"))).toEqual(world.slack.connection());
});

describe("what does not work is not stored", () => {
  test.each([
    ["salesforce", { clientSecret: "rk_test_another" }],
    ["stripe", { apiKey: "rk_test_another" }],
    ["slack", { token: "rk_test_another" }],
    ["slack", { channel: "C0000000NONE" }],
    ["stripe", { apiKey: 7 }],
  ] as const)("%s with %j", async (system, change) => {
    const { code, out } = await connect([system, "--stdin"], { ...world[system].connection(), ...change });
    expect([code, out]).toEqual([1, ""]);
    expect((await world.secrets("ListSecrets", {})).SecretList).toEqual([]);
  });

  test("where there is a connection already, only --rotate replaces it", async () => {
    await connected("stripe");
    const { code, err } = await connect(["stripe", "--stdin"], world.stripe.connection());
    expect([code, err]).toEqual([1, expect.stringContaining("--rotate")]);
  });

  test("but a secret that an earlier version made without a value is filled", async () => {
    await world.secrets("CreateSecret", { Name: world.named("stripe") });
    await connected("stripe");
    expect(await world.value(world.named("stripe"))).toEqual(world.stripe.connection());
  });
});

describe("--rotate", () => {
  test("replaces what is given, and keeps the old value as the previous one", async () => {
    await connected("slack");
    await connected("stripe");
    const { apiKey, ...rest } = world.stripe.connection();
    await fetch(`${world.stripe.url}/__emulator__/roll-key`, { method: "POST" });
    const rolled = world.stripe.connection().apiKey;
    credentials.push(rolled);
    const { code, out } = await connect(["stripe", "--rotate", "--api-key", rolled]);
    expect([code, out]).toEqual([0, expect.stringContaining("AWSPREVIOUS")]);
    expect(await world.value(world.named("stripe"))).toEqual({ ...rest, apiKey: rolled });
    const before = await world.secrets("GetSecretValue", {
      SecretId: world.named("stripe"),
      VersionStage: "AWSPREVIOUS",
    });
    expect(JSON.parse(before.SecretString)).toEqual({ ...rest, apiKey });
  });

  test("leaves the old value when the new one does not work", async () => {
    await connected("stripe");
    const { code } = await connect(["stripe", "--rotate", "--api-key", "rk_test_another"]);
    expect(code).toBe(1);
    expect(await world.value(world.named("stripe"))).toEqual(world.stripe.connection());
  });

  test("goes from client credentials to the JWT bearer flow", async () => {
    await connected("salesforce");
    const { clientId, username, privateKey } = world.salesforce.jwtConnection();
    const { code } = await connect(["salesforce", "--rotate", "--stdin"], { clientId, username, privateKey });
    expect(code).toBe(0);
    const { clientSecret: _, ...rest } = world.salesforce.connection();
    expect(await world.value(world.named("salesforce"))).toEqual({ ...rest, clientId, username, privateKey });
  });

  test("of nothing is an error", async () => {
    const { code, err } = await connect(["slack", "--rotate", "--token", "rk_test_another"]);
    expect([code, err]).toEqual([1, expect.stringContaining("holds no connection")]);
  });
});

describe("--remove", () => {
  test("leaves thirty days, in which the same command without it has the connection back", async () => {
    await connected("stripe");
    expect(await connect(["stripe", "--remove", "--yes"])).toMatchObject({
      code: 0,
      out: expect.stringContaining("'fleet connect' has it back until"),
    });
    await expect(world.value(world.named("stripe"))).rejects.toMatchObject({ code: "InvalidRequestException" });
    expect(await connect(["stripe", "--remove", "--yes"])).toMatchObject({ code: 1 });
    expect(await connect(["stripe"])).toMatchObject({ code: 0, out: expect.stringMatching(/^Restored .*\nIt works/) });
    expect(await world.value(world.named("stripe"))).toEqual(world.stripe.connection());
  });

  test("a new connection in the place of a removed one restores it with the new value", async () => {
    await connected("salesforce");
    await connect(["salesforce", "--remove", "--yes"]);
    await connected("salesforce");
    expect(await world.value(world.named("salesforce"))).toEqual(world.salesforce.connection());
  });
});

describe("--list", () => {
  test("tells name, organisation, when it changed and whether it works, and no value", async () => {
    await connected("salesforce");
    await connected("slack");
    await connect(["slack", "--remove", "--yes"]);
    const { code, out } = await connect(["--list", "--json"]);
    expect(code).toBe(0);
    const about = { changedAt: expect.stringMatching(/^\d{4}-.*Z$/), detail: expect.any(String) };
    expect(JSON.parse(out)).toEqual([
      {
        ...about,
        name: world.named("salesforce"),
        system: "salesforce",
        orgId: world.salesforce.orgId,
        state: "works",
      },
      { ...about, name: world.named("slack"), system: "slack", state: "removed" },
    ]);
    expect((await connect(["--list"])).out).toMatch(/^connection +organisation +changed +state\n.*works.*\n.*removed/);
  });

  test("ends badly when one does not work or is empty", async () => {
    await connected("stripe");
    const SecretString = JSON.stringify({ ...world.stripe.connection(), apiKey: "rk_test_another" });
    await world.secrets("PutSecretValue", { SecretId: world.named("stripe"), SecretString });
    await world.secrets("CreateSecret", { Name: world.named("slack") });
    const { code, out } = await connect(["--list", "--json"]);
    expect([code, JSON.parse(out).map(({ state }: { state: string }) => state)]).toEqual([1, ["empty", "fails"]]);
  });

  test("of nothing says so", async () => {
    expect(await connect(["--list"])).toMatchObject({
      code: 1,
      out: "",
      err: expect.stringContaining("no connections"),
    });
  });
});

test.each([
  [[], "give one of salesforce, stripe, slack"],
  [["paypal"], "give one of salesforce, stripe, slack"],
  [["stripe", "rk_test_another"], "give one of salesforce, stripe, slack"],
  [["stripe"], "give --api-key, or all as JSON"],
  [["salesforce", "--login-url", "https://acme.example"], "give --client-id, --client-secret"],
  [["slack", "--api-key", "rk_test_another"], "'slack' takes no --api-key"],
  [["slack", "--remove", "--yes", "--token", "rk_test_another"], "with --remove takes no --token"],
  [["stripe", "--org", "00D000000000002EAA"], "takes no --org"],
  [["stripe", "--rotate", "--remove"], "give one of --list, --rotate, --remove"],
  [["stripe", "--list"], "without a system"],
  [["stripe", "--remove"], "give --yes"],
  [["stripe", "--stdin"], "one JSON object"],
  [["salesforce", "--private-key-file", "/none"], "cannot be read: ENOENT"],
])("%j is wrong usage", async (args, sentence) => {
  const { code, out, err } = await connect(args);
  expect([code, out, err]).toEqual([2, "", expect.stringContaining(sentence)]);
});
