import { describe, expect, test } from "@jest/globals";
import { ORG } from "../../functions/salesforce/testing.ts";
import type { Answer, SeenRequest } from "../../shared/testing/server.ts";
import { runFleet } from "../testing.ts";
import { renderReports } from "./render.ts";
import { secretOf, startHealthyOrg, startTargets } from "./testing.ts";

const OTHER = "00D000000000001EAA";

/** A Secrets Manager that holds these secrets, by name, and a Lambda whose functions are told of these organisations. */
const holding =
  (secrets: Record<string, string>, deployed?: string) =>
  ({ headers, body, url }: SeenRequest): Answer => {
    if (url.startsWith("/2015-03-31/functions/"))
      return deployed === undefined
        ? { status: 404, headers: { "x-amzn-errortype": "ResourceNotFoundException" } }
        : { body: { Environment: { Variables: { SALESFORCE_ORGS: deployed } } } };
    const type = { "content-type": "application/x-amz-json-1.1" };
    if (!String(headers["x-amz-target"]).endsWith("ListSecrets"))
      return { headers: type, body: { SecretString: secrets[JSON.parse(body).SecretId] } };
    return { headers: type, body: { SecretList: Object.keys(secrets).map((Name) => ({ Name })) } };
  };

/** Runs `fleet doctor` against a Secrets Manager of its own. */
const doctor = (args: string[], answer: (request: SeenRequest) => Answer) => runFleet(["doctor", ...args], answer);

const target = (system: string) => `connector-fleet/local/${system}`;
const named = (orgId: string, stage = "local") => `connector-fleet/${stage}/salesforce/${orgId}`;

describe("fleet doctor", () => {
  test("prints a line for each check, without colour in a pipe, and ends well", async () => {
    await using org = await startHealthyOrg();
    await using targets = await startTargets();
    const { stripe, slack } = targets.secrets;
    const secrets = { [named(ORG)]: secretOf(org.url), [target("stripe")]: stripe, [target("slack")]: slack };
    const { code, out, err } = await doctor([], holding({ ...secrets, unrelated: "" }, ORG));
    expect([code, err]).toEqual([0, ""]);
    const parts = out.trimEnd().split("\n\n");
    expect(parts.map((part) => part.split("\n")[0])).toEqual([`Salesforce organisation ${ORG}`, "Stripe", "Slack"]);
    const lines = parts.flatMap((part) => part.split("\n").slice(1));
    expect(lines).toHaveLength(10);
    for (const line of lines) expect(line).toMatch(/^ {2}✓ \S/);
  });

  test("names the command for every connection that is missing", async () => {
    const { code, out } = await doctor(["--stage", "prod"], holding({}, `${ORG},${OTHER}`));
    expect(code).toBe(1);
    const advice = [...out.matchAll(/→ (npx .*)$/gm)].map(([, command]) => command);
    expect(advice).toEqual([
      `npx fleet connect salesforce --org ${ORG} --stage prod`,
      `npx fleet connect salesforce --org ${OTHER} --stage prod`,
      "npx fleet connect stripe --stage prod",
      "npx fleet connect slack --stage prod",
    ]);
  });

  test("ends badly when anything is wrong, and looks at every organisation", async () => {
    await using org = await startHealthyOrg({ fields: { "Account.Plan__c": null } });
    const secrets = { [named(OTHER, "prod")]: "{}", [named(ORG, "prod")]: secretOf(org.url) };
    const { code, out } = await doctor(["--stage", "prod"], holding(secrets));
    expect(code).toBe(1);
    expect(out).toMatch(
      new RegExp(
        `organisation ${OTHER}\n  ✗ secret  .*→ npx fleet connect salesforce --org ${OTHER} --stage prod --rotate`,
      ),
    );
    expect(out).toMatch(/ {2}✗ Account\.Plan__c +is not there, or hidden .*→ create it/);
  });

  test("looks at one organisation, and prints JSON", async () => {
    await using org = await startHealthyOrg();
    const answer = holding({ [named(OTHER)]: "{}", [named(ORG)]: secretOf(org.url) });
    const { code, out } = await doctor(["--org", ORG.slice(0, 15), "--json"], answer);
    expect(code).toBe(0);
    expect(JSON.parse(out)).toEqual([
      {
        system: "salesforce",
        orgId: ORG,
        checks: expect.arrayContaining([expect.objectContaining({ name: "login", ok: true })]),
      },
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
    { system: "salesforce" as const, orgId: ORG, checks: [check] },
    { system: "stripe" as const, checks: [{ name: "secret", ok: true, detail: "fine" }] },
  ];

  test("keeps every check on one line and aligns them", () => {
    expect(renderReports(reports, (_style, text) => text).split("\n")).toEqual([
      `Salesforce organisation ${ORG}`,
      "  ✗ login  refused with a pointer → look",
      "",
      "Stripe",
      "  ✓ secret  fine",
    ]);
  });

  test("colours by the painter alone", () => {
    expect(renderReports(reports, (style, text) => `<${style}>${text}`)).toContain("<red>✗");
  });
});
