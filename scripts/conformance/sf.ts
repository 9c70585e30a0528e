import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { parseArgs } from "node:util";
import { type SalesforceEmulator, startSalesforce } from "../../local/saas/salesforce/emulator.ts";

const CLI = "@salesforce/cli@2.150.6";
const HELP = `Runs the real Salesforce CLI (${CLI}) against an emulated org and checks what it does.

usage: npm run conformance:sf [-- --cli <folder>]

  --cli <folder>   where the CLI is installed, or will be: a folder that is kept saves the download of the next run

The CLI is no dependency of the project: npm fetches it into a temporary folder. Prints a line for each step.
Exit code 0 means that every step did what it should.`;

const ACCOUNTS = 30;
const STEP_TIMEOUT_MS = 180_000;

/** What a program has printed, and how it ended. */
interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** `sf` with `--json`: gives back `result`. */
type Sf = (...args: string[]) => Promise<unknown>;

interface Step {
  readonly name: string;
  run(sf: Sf, org: SalesforceEmulator, home: string): Promise<void>;
}

const STEPS: readonly Step[] = [
  { name: "org login jwt", run: logIn },
  { name: "org display", run: (sf) => expectMember(sf("org", "display"), "connectedStatus", "Connected") },
  { name: "data query", run: queryRows },
  { name: "data query, table", run: queryTable },
  { name: "data export bulk", run: exportBulk },
  { name: "data upsert bulk", run: upsertBulk },
  { name: "data update bulk, a row that fails", run: updateBulkFails },
  { name: "data create record", run: (sf) => expectMember(createRecord(sf, "Created"), "success", true) },
  {
    name: "data update record",
    run: (sf) => expectMember(sf("data", "update", "record", ...the("L3"), "-v", "Name=New"), "success", true),
  },
  { name: "data get record", run: (sf) => expectMember(sf("data", "get", "record", ...the("L3")), "Name", "New") },
  { name: "data delete record", run: deleteRecord },
  {
    name: "sobject describe",
    run: (sf) => expectMember(sf("sobject", "describe", "-s", "Account"), "keyPrefix", "001"),
  },
  { name: "sobject list", run: listObjects },
  { name: "limits api display", run: showLimits },
];

async function main(args: string[]): Promise<number> {
  const { values } = parseArgs({ args, options: { help: { type: "boolean" }, cli: { type: "string" } } });
  if (values.help) {
    console.log(HELP);
    return 0;
  }
  const home = await mkdtemp(join(tmpdir(), "fleet-sf-"));
  try {
    const program = await install(values.cli ?? join(home, "cli"));
    return (await runSteps(program, home)) ? 0 : 1;
  } finally {
    await rm(home, { recursive: true, force: true });
  }
}

/** Fetches the CLI unless the folder has it. @returns the path of its program */
async function install(folder: string): Promise<string> {
  const program = join(folder, "node_modules", "@salesforce", "cli", "bin", "run.js");
  if (existsSync(program)) return program;
  await mkdir(folder, { recursive: true });
  console.log(`installing ${CLI} …`);
  const flags = ["install", "--prefix", folder, "--no-audit", "--no-fund", "--ignore-scripts", CLI];
  const { code, stderr } = await start("npm", flags, process.env, folder);
  if (code !== 0 || !existsSync(program)) throw new Error(`npm could not install ${CLI}:\n${stderr}`);
  return program;
}

/** Runs all steps on one org, each after the one before. @returns whether all went well */
async function runSteps(program: string, home: string): Promise<boolean> {
  const accounts = Array.from({ length: ACCOUNTS }, (_none, index) => ({
    Name: `A${index}`,
    Legacy_Id__c: `L${index}`,
  }));
  const org = await startSalesforce({ port: 0, seed: { accounts } });
  const sf: Sf = (...args) => runSf(program, [...args, "--json"], org, home);
  let failed = 0;
  try {
    for (const { name, run } of STEPS) {
      try {
        await run(sf, org, home);
        console.log(`ok      sf ${name}`);
      } catch (error) {
        failed += 1;
        console.log(`FAILED  sf ${name}: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
  } finally {
    await org.stop();
  }
  console.log(failed === 0 ? `${STEPS.length} steps, all as expected` : `${failed} of ${STEPS.length} steps failed`);
  return failed === 0;
}

/** @throws Error with the message of the CLI when it ends with one */
async function runSf(program: string, args: string[], org: SalesforceEmulator, home: string): Promise<unknown> {
  const { code, stdout, stderr } = await start(process.execPath, [program, ...args], environment(org, home), home);
  const answer = parseAnswer(stdout);
  if (code === 0 && answer) return answer.result;
  throw new Error(answer?.message ?? (stderr || `exit code ${code}`));
}

function parseAnswer(stdout: string): { result?: unknown; message?: string } | undefined {
  try {
    return JSON.parse(stdout);
  } catch {
    return undefined;
  }
}

/** The CLI keeps all it knows below HOME; nothing of this machine's own settings or proxies reaches it. */
function environment(org: SalesforceEmulator, home: string): NodeJS.ProcessEnv {
  return {
    PATH: [dirname(process.execPath), process.env.PATH].join(delimiter),
    HOME: home,
    USERPROFILE: home,
    SF_AUDIENCE_URL: org.url,
    SF_ORG_API_VERSION: "66.0",
    SF_DISABLE_TELEMETRY: "true",
    SF_AUTOUPDATE_DISABLE: "true",
    SF_SKIP_NEW_VERSION_CHECK: "true",
    SF_USE_GENERIC_UNIX_KEYCHAIN: "true",
    NO_COLOR: "1",
  };
}

function start(program: string, args: string[], env: NodeJS.ProcessEnv, cwd: string): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { env, cwd, timeout: STEP_TIMEOUT_MS, stdio: ["ignore", "pipe", "pipe"] });
    const output = { stdout: "", stderr: "" };
    for (const stream of ["stdout", "stderr"] as const)
      child[stream].setEncoding("utf8").on("data", (text: string) => {
        output[stream] += text;
      });
    child.once("error", reject);
    child.once("close", (code) => resolve({ code, ...output }));
  });
}

async function logIn(sf: Sf, org: SalesforceEmulator, home: string): Promise<void> {
  const { clientId, username, privateKey } = org.jwtConnection();
  const key = join(home, "key.pem");
  await writeFile(key, privateKey, { mode: 0o600 });
  const who = ["--client-id", clientId, "--username", username, "--jwt-key-file", key];
  const login = sf("org", "login", "jwt", ...who, "--instance-url", org.url, "--set-default");
  await expectMember(login, "orgId", org.orgId);
}

async function queryRows(sf: Sf): Promise<void> {
  const query = sf("data", "query", "-q", "SELECT Id, Name, Owner.Name FROM Account WHERE Legacy_Id__c = 'L1'");
  const { records } = (await query) as { records: { Name: string; Owner: { Name: string } }[] };
  expectSame(
    records.map((one) => [one.Name, one.Owner.Name]),
    [["A1", "Ada Admin"]],
  );
}

/** Without JSON the CLI first asks for the columns. */
async function queryTable(sf: Sf, _org: SalesforceEmulator, home: string): Promise<void> {
  const file = ["--result-format", "csv", "--output-file", "rows.csv"];
  await sf("data", "query", "-q", "SELECT Name, Owner.Name FROM Account ORDER BY Name LIMIT 2", ...file);
  expectSame(await lines(home, "rows.csv"), ["Name,Owner.Name", "A0,Ada Admin", "A1,Ada Admin"]);
}

async function exportBulk(sf: Sf, _org: SalesforceEmulator, home: string): Promise<void> {
  const file = ["--result-format", "csv", "--output-file", "out.csv", "--wait", "2"];
  await expectMember(sf("data", "export", "bulk", "-q", "SELECT Name FROM Account", ...file), "totalSize", ACCOUNTS);
  expectSame((await lines(home, "out.csv")).length, ACCOUNTS + 1);
}

async function upsertBulk(sf: Sf, _org: SalesforceEmulator, home: string): Promise<void> {
  await writeFile(join(home, "upsert.csv"), "Legacy_Id__c,Name\nL1,One\nL99,Many\n");
  const job = ["--external-id", "Legacy_Id__c", "--file", "upsert.csv", "--wait", "2"];
  const result = (await sf("data", "upsert", "bulk", "-s", "Account", ...job)) as {
    records: { successfulResults: { Name: string; sf__Created: string }[] };
  };
  const created = result.records.successfulResults.map((one) => `${one.Name} ${one.sf__Created}`);
  expectSame(created.sort(), ["Many true", "One false"]);
}

async function updateBulkFails(sf: Sf, _org: SalesforceEmulator, home: string): Promise<void> {
  await writeFile(join(home, "update.csv"), "Id,Name\n001000000000000AAA,Ghost\n");
  const update = sf("data", "update", "bulk", "-s", "Account", "--file", "update.csv", "--wait", "2");
  const message = await update.then(
    () => "none",
    (error: Error) => error.message,
  );
  if (!/failed/i.test(message)) throw new Error(`expected a failed record, got: ${message}`);
}

function createRecord(sf: Sf, name: string): Promise<unknown> {
  return sf("data", "create", "record", "-s", "Account", "-v", `Name=${name}`);
}

async function deleteRecord(sf: Sf): Promise<void> {
  await expectMember(sf("data", "delete", "record", ...the("L99")), "success", true);
  await expectMember(sf("data", "query", "-q", "SELECT Id FROM Account WHERE Legacy_Id__c = 'L99'"), "totalSize", 0);
}

async function listObjects(sf: Sf): Promise<void> {
  const names = (await sf("sobject", "list", "-s", "all")) as string[];
  if (!names.includes("Account") || !names.includes("Contact"))
    throw new Error(`expected Account and Contact in ${names}`);
}

async function showLimits(sf: Sf): Promise<void> {
  const limits = (await sf("limits", "api", "display")) as { name: string; max: number; remaining: number }[];
  const bulk = limits.find((one) => one.name === "DailyBulkV2QueryJobs");
  if (!bulk || bulk.remaining >= bulk.max) throw new Error(`expected a bulk query job in ${JSON.stringify(limits)}`);
}

/** Names an account by its external id. */
function the(legacyId: string): string[] {
  return ["-s", "Account", "-w", `Legacy_Id__c=${legacyId}`];
}

async function lines(home: string, file: string): Promise<string[]> {
  return (await readFile(join(home, file), "utf8")).trim().split("\n");
}

async function expectMember(result: Promise<unknown>, name: string, value: unknown): Promise<void> {
  expectSame(((await result) as Record<string, unknown> | undefined)?.[name], value);
}

function expectSame(actual: unknown, expected: unknown): void {
  const [got, wanted] = [JSON.stringify(actual), JSON.stringify(expected)];
  if (got !== wanted) throw new Error(`expected ${wanted}, got ${got}`);
}

process.exitCode = await main(process.argv.slice(2)).catch((error: unknown) => {
  console.error(`error: ${error instanceof Error ? error.message : String(error)}`);
  return 1;
});
