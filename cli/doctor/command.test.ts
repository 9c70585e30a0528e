import { describe, expect, test } from "@jest/globals";
import { ORG } from "../../functions/salesforce/testing.ts";
import type { Answer, SeenRequest } from "../../shared/testing/server.ts";
import { runFleet } from "../testing.ts";
import { renderReports } from "./render.ts";
import { secretOf, startHealthyOrg } from "./testing.ts";

const OTHER = "00D000000000001EAA";

/** A Secrets Manager that holds these secrets, by name. */
const holding =
  (secrets: Record<string, string>) =>
  ({ headers, body }: SeenRequest): Answer => {
    const type = { "content-type": "application/x-amz-json-1.1" };
    if (!String(headers["x-amz-target"]).endsWith("ListSecrets"))
      return { headers: type, body: { SecretString: secrets[JSON.parse(body).SecretId] } };
    return { headers: type, body: { SecretList: Object.keys(secrets).map((Name) => ({ Name })) } };
  };

/** Runs `fleet doctor` against a Secrets Manager of its own. */
const doctor = (args: string[], answer: (request: SeenRequest) => Answer) => runFleet(["doctor", ...args], answer);

const named = (orgId: string, stage = "local") => `connector-fleet/${stage}/salesforce/${orgId}`;

describe("fleet doctor", () => {
  test("prints a line for each check, without colour in a pipe, and ends well", async () => {
    await using org = await startHealthyOrg();
    const { code, out, err } = await doctor([], holding({ [named(ORG)]: secretOf(org.url), unrelated: "" }));
    expect([code, err]).toEqual([0, ""]);
    const [head, ...lines] = out.trimEnd().split("\n");
    expect(head).toBe(`Salesforce organisation ${ORG}`);
    expect(lines).toHaveLength(8);
    for (const line of lines) expect(line).toMatch(/^ {2}✓ \S/);
  });

  test("ends badly when anything is wrong, and looks at every organisation", async () => {
    await using org = await startHealthyOrg({ fields: { "Account.Plan__c": null } });
    const secrets = { [named(OTHER, "prod")]: "{}", [named(ORG, "prod")]: secretOf(org.url) };
    const { code, out } = await doctor(["--stage", "prod"], holding(secrets));
    expect(code).toBe(1);
    expect(out).toMatch(new RegExp(`organisation ${OTHER}\n  ✗ secret  .*→ store the whole connection`));
    expect(out).toMatch(/ {2}✗ Account\.Plan__c +is not there, or hidden .*→ create it/);
  });

  test("looks at one organisation, and prints JSON", async () => {
    await using org = await startHealthyOrg();
    const answer = holding({ [named(OTHER)]: "{}", [named(ORG)]: secretOf(org.url) });
    const { code, out } = await doctor(["--org", ORG.slice(0, 15), "--json"], answer);
    expect(code).toBe(0);
    expect(JSON.parse(out)).toEqual([
      { orgId: ORG, checks: expect.arrayContaining([expect.objectContaining({ name: "login", ok: true })]) },
    ]);
  });

  test("says that a stage is connected to nothing", async () => {
    const { code, out, err } = await doctor(["--stage", "test"], holding({}));
    expect([code, out]).toEqual([1, ""]);
    expect(err).toMatch(/^error: stage 'test' is connected to no Salesforce organisation/);
  });

  test("fails with one sentence when AWS refuses", async () => {
    const refusal = { status: 400, body: { __type: "AccessDeniedException", message: "not allowed" } };
    expect(await doctor([], () => refusal)).toMatchObject({ code: 1, out: "", err: "error: not allowed\n" });
  });

  test.each([
    [["--org", "acme"], "--org takes an id of 15 or 18 characters; got 'acme'"],
    [["--org", OTHER], `organisation '${OTHER}' is none of: ${ORG}`],
    [["--colour"], "--colour"],
    [["account"], "account"],
  ])("%j is wrong usage", async (args, sentence) => {
    const { code, out, err } = await doctor(args, holding({ [named(ORG)]: "{}" }));
    expect([code, out]).toEqual([2, ""]);
    expect(err).toContain(sentence);
  });

  test("explains itself and asks nobody", async () => {
    const { code, out, requests } = await doctor(["--help"], holding({}));
    expect([code, requests]).toEqual([0, []]);
    expect(out).toContain("usage: fleet doctor [options]");
  });
});

describe("renderReports", () => {
  const check = { name: "login", ok: false, detail: "refused\n  with a pointer", advice: "look" };
  const reports = [
    { orgId: ORG, checks: [check] },
    { orgId: OTHER, checks: [{ name: "secret", ok: true, detail: "fine" }] },
  ];

  test("keeps every check on one line and aligns them", () => {
    expect(renderReports(reports, (_style, text) => text).split("\n")).toEqual([
      `Salesforce organisation ${ORG}`,
      "  ✗ login  refused with a pointer → look",
      "",
      `Salesforce organisation ${OTHER}`,
      "  ✓ secret  fine",
    ]);
  });

  test("colours by the painter alone", () => {
    expect(renderReports(reports, (style, text) => `<${style}>${text}`)).toContain("<red>✗");
  });
});
