import { existsSync, globSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { MAX_READ } from "../functions/salesforce/client/records.ts";
import { MAX_PARENTS } from "../functions/salesforce/mapping/snapshots.ts";
import { salesforceConnectionSchema } from "../functions/salesforce/org/connection.ts";
import { bootTwin, type Twin } from "../local/aws/boot.ts";
import { DEFAULT_PORT_BASE } from "../local/options.ts";
import { type Saas, startSaas } from "../local/saas/index.ts";
import { MARKED } from "../shared/testing/marked.ts";

const ROOT = join(import.meta.dirname, "..");
const PAGES = globSync(["README.md", "AGENTS.md", "docs/*.md", "docs/adr/*.md", "local/**/README.md"], { cwd: ROOT });
const read = (file: string) => readFileSync(join(ROOT, file), "utf8");
const manifest = JSON.parse(read("package.json"));
const stated = read("serverless.yml");

/** `page: finding` for everything on any page that `find` objects to. */
function findings(find: (text: string, page: string) => readonly string[]): string[] {
  return PAGES.flatMap((page) => find(read(page), page).map((finding) => `${page}: ${finding}`));
}

/** What the groups of a pattern take in, of every match. */
const firstGroups = (text: string, pattern: RegExp) =>
  [...text.matchAll(pattern)].map(([, ...groups]) => groups.find((group) => group !== undefined) ?? "");
/** Code in the line, and each line of a block. */
const codeOf = (text: string) =>
  firstGroups(text, /```\w*\n(.*?)```|`([^`\n]+)`/gs).flatMap((code) => code.split("\n").map((line) => line.trim()));

const knows = (text: string, flag: string) => new RegExp(`${flag}(?![\\w-])`).test(text);

/** What a link can point at on a page: headings as GitHub names them, and anchors. */
function anchorsOf(text: string): string[] {
  const headings = firstGroups(text, /^#+ (.*)$/gm);
  const slugs = headings.map((heading) =>
    heading
      .toLowerCase()
      .replace(/[^\w\- ]/g, "")
      .replaceAll(" ", "-"),
  );
  return [...slugs, ...firstGroups(text, /id="([^"]+)"/g)];
}

describe("every page", () => {
  test("links to files and headings that there are", () => {
    const broken = findings((text, page) =>
      firstGroups(text, /\]\(([^)]+)\)/g).filter((link) => {
        const [path = "", anchor] = link.split("#");
        if (/^https?:/.test(link)) return false;
        const file = path ? normalize(join(dirname(page), path)) : page;
        return !existsSync(join(ROOT, file)) || (anchor !== undefined && !anchorsOf(read(file)).includes(anchor));
      }),
    );
    expect(broken).toEqual([]);
  });

  test("names files and folders that there are", () => {
    const folders = /^(?:bench|cli|docs|functions|local|resources|scripts|shared|statemachines|test)\/[\w./-]+$/;
    const missing = findings((text) =>
      codeOf(text).filter((code) => folders.test(code) && !existsSync(join(ROOT, code))),
    );
    expect(missing).toEqual([]);
  });

  test("calls scripts that package.json has", () => {
    const unknown = findings((text) =>
      firstGroups(text, /npm run ([\w:]+)/g).filter((name) => !Object.hasOwn(manifest.scripts, name)),
    );
    expect(unknown).toEqual([]);
  });

  test("gives them options that they know", () => {
    const unknown = findings((text) =>
      codeOf(text).flatMap((code) => {
        const [, name = "", given = ""] = /^npm (?:run )?([\w:]+) -- (.*)/.exec(code) ?? [];
        const [program = ""] = /[\w./-]+\.ts$/.exec(manifest.scripts[name] ?? "") ?? [];
        if (!program.startsWith("scripts/")) return [];
        const source = read(program);
        return firstGroups(given, /(--[a-z-]+)/g).filter((flag) => !knows(source, flag));
      }),
    );
    expect(unknown).toEqual([]);
  });

  test("gives parameters that serverless.yml has", () => {
    const unknown = findings((text) =>
      firstGroups(text, /--param='(\w+)=/g).filter((name) => !new RegExp(`^ {4}${name}: `, "m").test(stated)),
    );
    expect(unknown).toEqual([]);
  });
});

/** Every name that any source uses, apart from this file. */
function sources(): string {
  const files = globSync(
    "{*.{json,yml,js},{bench,cli,functions,local,resources,scripts,shared,statemachines,test}/**/*}",
    {
      cwd: ROOT,
      withFileTypes: true,
    },
  );
  return files
    .filter((file) => file.isFile() && !/[.]md$|^docs[.]test[.]ts$|^package-lock/.test(file.name))
    .map((file) => readFileSync(join(file.parentPath, file.name), "utf8"))
    .join("\n");
}

/** Packages that were looked at and not taken, and a file that is named after its emulator. */
const ELSEWHERE = ["cfn-lint", "fauxqs", "serverless-lift", "salesforce.journal"];

test("a name in code font, such as a metric, a field or a parameter, is one that the sources use", () => {
  const all = sources();
  const words = new Set(all.split(/\W+/));
  const isUsed = (name: string) => words.has(name) || new RegExp(`\\b${name}\\b`).test(all);
  const unknown = findings((text) =>
    codeOf(text).filter((code) => /^[A-Za-z][\w.-]{3,}$/.test(code) && !ELSEWHERE.includes(code) && !isUsed(code)),
  );
  expect(unknown).toEqual([]);
});

describe("npx fleet", () => {
  const commands = readdirSync(join(ROOT, "cli"), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name);

  test("has every command that a page calls, with its options", async () => {
    const helpOf = new Map<string, string>();
    for (const name of commands) {
      const { help, parts = {} } = await import(`../cli/${name}/command.ts`);
      helpOf.set(name, [help, ...Object.values(parts)].join("\n"));
    }
    const unknown = findings((text) =>
      codeOf(text).flatMap((code) => {
        const [, name = ""] = /^npx fleet ([a-z-]+)/.exec(code) ?? [];
        if (!name) return [];
        const help = helpOf.get(name);
        if (help === undefined) return [code];
        return firstGroups(code, / (--[a-z-]+)/g).filter((flag) => !knows(help, flag));
      }),
    );
    expect(unknown).toEqual([]);
  });

  test("is told whole in the README and in AGENTS.md", () => {
    const [, listed = ""] = /`npx fleet`: ([^|]+) \|/.exec(read("README.md")) ?? [];
    expect(listed.trim().split(", ").sort()).toEqual([...commands].sort());
    const table = read("AGENTS.md").split("\n## ")[1] ?? "";
    expect(commands.filter((name) => !new RegExp(`\`(?:npx fleet )?${name}(?: <id>)?\``).test(table))).toEqual([]);
  });
});

test("AGENTS.md has a line for every script", () => {
  const table = read("AGENTS.md").split("\n## ")[1] ?? "";
  const told = new Set(firstGroups(table, /`npm (?:run )?([\w:]+)/g));
  const own = ["deploy", "fleet"];
  expect(Object.keys(manifest.scripts).filter((name) => !told.has(name) && !own.includes(name))).toEqual([]);
});

describe("docs/adr/0007-dependencies.md", () => {
  const dependencies = { ...manifest.dependencies, ...manifest.devDependencies } as Record<string, string>;

  test("names every dependency", () => {
    const named = codeOf(read("docs/adr/0007-dependencies.md"));
    const covers = (name: string) =>
      named.some((one) => one === name || (one.endsWith("*") && name.startsWith(one.slice(0, -1))));
    expect(Object.keys(dependencies).filter((name) => !covers(name))).toEqual([]);
  });

  test("is right that versions are exact", () => {
    expect(Object.values(dependencies).filter((version) => !/^(?:npm:\w+@)?\d+[.]\d+[.]\d+$/.test(version))).toEqual(
      [],
    );
  });
});

describe("the pages about the servers of this machine", () => {
  /** What people call the services, by the names in the twin. */
  const NAMES: Readonly<Record<string, string>> = {
    ...{ cloudformation: "CloudFormation", dynamodb: "DynamoDB", ecr: "ECR", events: "EventBridge", iam: "IAM" },
    ...{ lambda: "Lambda", logs: "CloudWatch Logs", monitoring: "CloudWatch Metrics", s3: "S3" },
    ...{
      secretsmanager: "Secrets Manager",
      sqs: "SQS",
      ssm: "SSM",
      states: "Step Functions",
      sts: "STS",
      xray: "X-Ray",
    },
  };
  const page = read("docs/local-aws.md");
  let twin: Twin;
  let saas: Saas;

  beforeAll(async () => {
    twin = await bootTwin({ template: { Resources: {} }, artifacts: "." });
    const ports = { salesforce: 0, stripe: 0, slack: 0, page: 0 };
    saas = await startSaas({ ports, aws: { origin: twin.origin }, seed: { accounts: [] } });
  });
  afterAll(async () => {
    await saas?.stop();
    await twin?.stop();
  });

  test("have a line for every service", () => {
    const services = twin.kernel.services().map(({ name }) => NAMES[name] ?? name);
    const told = firstGroups(page, /^\| ([A-Z][^|]*) \|/gm).flatMap((cell) => cell.split(", "));
    expect(services.filter((name) => !told.some((one) => one.startsWith(name)))).toEqual([]);
  });

  test("tell the ports on which a fleet listens", () => {
    const told = firstGroups(page, /^\| ([\d ·]+)(?: \(UDP\))? \|/gm).flatMap((cell) => cell.trim().split(" · "));
    expect(told.map(Number)).toEqual([0, 1, 2, 3, 4, 5].map((offset) => DEFAULT_PORT_BASE + offset));
  });

  test("have examples that are taken", async () => {
    const origins: Readonly<Record<string, string>> = { 4566: twin.origin, 4568: saas.stripe.url };
    const examples = [...page.matchAll(/^curl -X POST http:\/\/127\.0\.0\.1:(\d+)(\S+) -d '(.+)'$/gm)];
    expect(examples).toHaveLength(3);
    for (const [, port = "", path = "", body = ""] of examples) {
      const answer = await fetch(`${origins[port]}${path}`, { method: "POST", body });
      expect([body, answer.status]).toEqual([body, 200]);
    }
  });

  test("list the controls of the emulated Salesforce", async () => {
    const answer = await fetch(`${saas.salesforce.url}/__emulator__/`);
    const { known } = (await answer.json()) as { known: readonly string[] };
    const [section = ""] = read("local/saas/salesforce/README.md").split("## Controls")[1]?.split("\n## ") ?? [];
    const told = firstGroups(section, /^\| ([^|]+) \|/gm).flatMap((cell) => {
      const [, path = ""] = /([a-z/-]+)`$/.exec(cell) ?? [];
      return firstGroups(cell, /(GET|POST|DELETE)/g).map((method) => `${method} /__emulator__/${path}`);
    });
    const common = /\/(?:faults|calls|reset)$/;
    expect(told.sort()).toEqual(known.filter((one) => !common.test(one) || told.includes(one)).sort());
  });
});

test("docs/security.md counts what the tests that it names have", () => {
  const page = read("docs/security.md");
  const fuzz = read("local/fuzz.test.ts");
  const [runs = ""] = firstGroups(fuzz, /^const RUNS = (\d+);/gm);
  const listed = firstGroups(fuzz, /const JSON_SERVICES.*?= \[(.*?)\n\];|test\.each\(\[([^\]]*"cloudformation")\]/gs);
  const services = listed.flatMap((list) => firstGroups(list, /(?:^|\[|, )"(\w+)"/gm));
  expect(page).toContain(`for each of ${services.length} services of the local AWS`);
  expect(page).toContain(`${runs} and ${4 * Number(runs)} of them are part of`);
  expect(page).toContain(`with ${Object.values(MARKED).flat().length} marks in four scripts`);
});

describe("docs/salesforce.md", () => {
  const page = read("docs/salesforce.md");

  test("has every member of a connection, with its default", () => {
    const [section = ""] = page.split("## The connection")[1]?.split("\n## ") ?? [];
    const members = salesforceConnectionSchema.options.flatMap(({ shape }) => Object.keys(shape));
    expect(members.filter((name) => !section.includes(`\`${name}\``))).toEqual([]);
    const least = { loginUrl: "https://a.example", clientId: "a", clientSecret: "b", orgId: "00D5f0000000001EAA" };
    const given = { ...least, apiVersion: "66.0", integrationClientName: "a" };
    const defaults = Object.entries(salesforceConnectionSchema.parse(given)).filter(([name]) => !(name in given));
    expect(defaults.filter(([, value]) => !section.includes(`\`${value}\``))).toEqual([]);
  });

  test("says what calls cost as the code counts them", () => {
    const [section = ""] = page.split("## What it costs")[1]?.split("\n## ") ?? [];
    const connector = read("functions/salesforce/connector.yml");
    const batchOf = (queue: string) => new RegExp(`queue: ${queue}\n.*?batchSize: (\\d+)`, "s").exec(connector)?.[1];
    const { batchSize } = JSON.parse(
      /\{ 'entity': 'Account'[^}]*\}/
        .exec(read("statemachines/backfill/definition.asl.json"))?.[0]
        .replaceAll("'", '"') ?? "",
    );
    const thousands = (count: number) => count.toLocaleString("en");
    for (const sentence of [
      `\`captureWindow\` seconds, at most ${batchOf("salesforce-changes")} changes`,
      `one for every ${thousands(MAX_READ)} accounts, one for every ${MAX_PARENTS} accounts' billing contacts`,
      `\`writeBackWindow\` seconds, at most ${batchOf("write-back")} runs`,
      `two for each batch of ${batchSize} in which one differs`,
    ])
      expect(section).toContain(sentence);
  });
});
