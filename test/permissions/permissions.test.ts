import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "@jest/globals";
import { hopsOf } from "../faults/hops.ts";
import { packagedTemplate } from "../support/fleet.ts";
import { DEMANDS, tooWide } from "./aws.ts";
import { type Grant, grantsOf } from "./grants.ts";
import { type Proven, proofsOf } from "./proofs.ts";
import { COMMON_STEPS, STEPS } from "./steps.ts";
import { tableOf, withTable } from "./table.ts";
import { workSteps } from "./work.ts";

const ROOT = join(import.meta.dirname, "../..");
const DOCUMENT = join(ROOT, "docs/security.md");

// biome-ignore lint/suspicious/noExplicitAny: CloudFormation has no type of its own here
type Json = any;

let resources: Json;
let grants: Grant[];
let proven: Proven[];

beforeAll(async () => {
  ({ Resources: resources } = await packagedTemplate());
  grants = grantsOf(resources);
  proven = proofsOf(grants, hopsOf(resources));
}, 120_000);

/** What is found of a template with one statement more in a role. */
function withStatement(statement: object): { wide: string[]; unproven: string[] } {
  const changed = structuredClone(resources);
  const [policy] = changed.CustomersDashupsertIamRoleLambdaExecution.Properties.Policies;
  policy.PolicyDocument.Statement.push({ Effect: "Allow", ...statement });
  const all = grantsOf(changed);
  const unproven = proofsOf(all, hopsOf(changed)).filter(({ proof }) => !proof);
  return { wide: tooWide(all), unproven: unproven.map(({ grant }) => grant.id) };
}

describe("the permissions of the template", () => {
  test("are all of them: as many as its statements have actions on resources", () => {
    const statements = Object.values<Json>(resources).flatMap(({ Properties }) => [
      ...(Properties?.Policies ?? []).flatMap((policy: Json) => policy.PolicyDocument.Statement),
      ...(Properties?.PolicyDocument?.Statement ?? []),
      ...(Properties?.AssumeRolePolicyDocument?.Statement ?? []),
    ]);
    const size = (value: unknown) => [value ?? []].flat().length || 1;
    // A bucket's policy has the bucket and what is in it, which are one here.
    const isOfBucket = (statement: Json) => statement.Action === "s3:*";
    const count = (statement: Json) => (isOfBucket(statement) ? 1 : size(statement.Action) * size(statement.Resource));
    expect(grants).toHaveLength(statements.map(count).reduce((sum, one) => sum + one, 0));
  });

  test("are each needed, and none is wider than it may be", () => {
    expect(proven.filter(({ proof }) => !proof).map(({ grant }) => grant.id)).toEqual([]);
    expect(tooWide(grants)).toEqual([]);
  });

  test.each<[string, object, string]>([
    ["a pattern of actions", { Action: "dynamodb:*", Resource: { "Fn::GetAtt": ["ParkedTable", "Arn"] } }, "a pattern"],
    ["everything where AWS knows resources", { Action: "dynamodb:GetItem", Resource: "*" }, "knows resources"],
    [
      "what the role has already",
      { Action: ["dynamodb:GetItem"], Resource: { "Fn::GetAtt": ["CustomersTable", "Arn"] } },
      "customers-upsert → GetItem CustomersTable: twice",
    ],
  ])("may not be %s", (_what, statement, problem) => {
    expect(withStatement(statement).wide).toEqual([expect.stringContaining(problem)]);
  });

  test("have no proof when nothing uses them that this knows of", () => {
    const statement = { Action: "kms:Decrypt", Resource: { "Fn::Sub": "arn:aws:kms:::key/*" } };
    expect(withStatement(statement).unproven).toEqual(["customers-upsert → Decrypt ?"]);
  });

  test("are asked for by every step and demand that there is", () => {
    const used = new Set(
      proven.map(({ proof }) => (proof?.by === "step" ? proof.step : proof?.by === "aws" ? proof.demand : undefined)),
    );
    expect([...STEPS, ...DEMANDS].filter((one) => !used.has(one))).toEqual([]);
    expect(DEMANDS.filter(({ link }) => !link.startsWith("https://docs.aws.amazon.com/"))).toEqual([]);
  });
});

test("the table in the documentation is the one of the template: npm run test:permissions -- --write", () => {
  const document = readFileSync(DOCUMENT, "utf8");
  expect(document).toBe(withTable(document, tableOf(proven)));
});

test("what every function, queue and rule may do is missed when it is taken away", async () => {
  const sample = proven.filter(({ proof }) => proof?.by === "step" && COMMON_STEPS.includes(proof.step));
  expect(sample.length).toBeGreaterThan(80);
  const missed = await workSteps(sample, () => undefined);
  expect(sample.filter(({ grant }) => !missed.has(grant)).map(({ grant }) => grant.id)).toEqual([]);
}, 600_000);

describe("npm run test:permissions", () => {
  const run = (...args: string[]) =>
    spawnSync(process.execPath, ["--no-warnings", join(ROOT, "scripts/permissions.ts"), ...args], {
      encoding: "utf8",
      cwd: ROOT,
    });

  test("--list says of each permission that is chosen what shows that it is needed", () => {
    const { status, stdout } = run("--list", "--role", "flows-park", "--action", "dynamodb:");
    expect([status, stdout.trim().split("\n").sort()]).toEqual([
      0,
      [
        "flows-park → PutItem ParkedTable: in the fault matrix",
        "flows-park → Query ParkedTable: work is parked once more",
        "flows-park → UpdateItem ParkedTable: work is parked once more",
      ],
    ]);
  }, 120_000);

  test("explains itself, and ends with 2 at an argument that it does not know", () => {
    expect(run("--help")).toMatchObject({ status: 0, stdout: expect.stringContaining("Exit code 0 means") });
    expect(run("--roll", "x")).toMatchObject({ status: 2, stderr: expect.stringContaining("error: ") });
    expect(run("--role", "nobody")).toMatchObject({ status: 2, stderr: expect.stringContaining("these names") });
  }, 120_000);
});
