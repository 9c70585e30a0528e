import { globSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { describe, expect, test } from "@jest/globals";

const ROOT = join(import.meta.dirname, "..");
const SOURCES = globSync("{cli,functions,shared,statemachines,local,scripts,test,bench}/**/*.{ts,mjs}", { cwd: ROOT });
const PRODUCT = SOURCES.filter((file) => /^(functions|shared)\//.test(file) && !/\.test\.ts$/.test(file));
/** What is deployed. */
const DEPLOYED = PRODUCT.filter((file) => !/\/testing(\.ts$|\/)/.test(file));
const HANDLERS = handlerFiles();

const VENDOR_SDKS = /^(jsforce|stripe$|stripe\/|@slack\/|@aws-sdk\/|@grpc\/)/;
const NETWORK = /^(node:)?(http|https|http2|net|tls)$|^undici/;
/** The part of a connector that may know how its vendor is called. */
const CLIENT = /\/client(\.ts$|\/)/;
const MAX_LINES = 300;
const MAX_TEST_LINES = 400;
const MAX_HANDLER_LINES = 40;

/** Module specifiers of a file, as written. */
function importsOf(file: string): string[] {
  return specifiersIn(readFileSync(join(ROOT, file), "utf8"));
}

function specifiersIn(text: string): string[] {
  return [...text.matchAll(/(?:from|import)\s*\(?\s*"([^"]+)"/g)].map((match) => match[1] ?? "");
}

/** The imported file of this repository, or `undefined` for a package. */
function targetOf(file: string, specifier: string): string | undefined {
  if (specifier.startsWith("#shared/")) return specifier.slice(1);
  if (specifier.startsWith(".")) return relative(ROOT, resolve(ROOT, dirname(file), specifier));
  return undefined;
}

/** Files of this repository that come into memory with one, itself included; what it imports as types alone does not. */
function loadedWith(file: string, seen = new Set<string>()): ReadonlySet<string> {
  if (seen.has(file)) return seen;
  seen.add(file);
  const values = readFileSync(join(ROOT, file), "utf8").replace(/^(import|export) type [^;]*;/gm, "");
  for (const specifier of specifiersIn(values)) {
    const target = targetOf(file, specifier);
    if (target?.endsWith(".ts")) loadedWith(target, seen);
  }
  return seen;
}

function handlerFiles(): string[] {
  return globSync("functions/*/connector.yml", { cwd: ROOT }).flatMap((file) =>
    [...readFileSync(join(ROOT, file), "utf8").matchAll(/handler: (\S+)\.handler/g)].map((match) => `${match[1]}.ts`),
  );
}

function lineCount(file: string): number {
  return readFileSync(join(ROOT, file), "utf8").split("\n").length - 1;
}

/** `file: problem` for every file of `files` that `check` finds wanting. */
function findings(files: readonly string[], check: (file: string) => readonly string[]): string[] {
  return files.flatMap((file) => check(file).map((problem) => `${file}: ${problem}`));
}

describe("import rules", () => {
  test("a connector imports its own folder and shared/, never another connector or local/", () => {
    const wrong = findings(
      PRODUCT.filter((file) => file.startsWith("functions/")),
      (file) => {
        const own = file.split("/").slice(0, 2).join("/");
        return importsOf(file).filter((specifier) => {
          const target = targetOf(file, specifier);
          return target !== undefined && !target.startsWith(`${own}/`) && !target.startsWith("shared/");
        });
      },
    );
    expect(wrong).toEqual([]);
  });

  test("shared/ imports nothing of the repository but shared/", () => {
    const wrong = findings(
      PRODUCT.filter((file) => file.startsWith("shared/")),
      (file) => importsOf(file).filter((specifier) => !(targetOf(file, specifier) ?? "shared/").startsWith("shared/")),
    );
    expect(wrong).toEqual([]);
  });

  test("in a connector only client.ts, or its folder client/, knows a vendor's SDK, and only one", () => {
    const sdks = (file: string) => [
      ...new Set(
        importsOf(file)
          .filter((name) => VENDOR_SDKS.test(name))
          .map((name) => name.split("/")[0]),
      ),
    ];
    const wrong = findings(
      DEPLOYED.filter((file) => file.startsWith("functions/")),
      (file) => {
        if (CLIENT.test(file)) return sdks(file).length > 1 ? [`knows ${sdks(file).join(" and ")}`] : [];
        return sdks(file).map((sdk) => `knows ${sdk}`);
      },
    );
    expect(wrong).toEqual([]);
  });

  test("in a connector only client.ts, or its folder client/, calls over the network by itself", () => {
    const wrong = findings(
      DEPLOYED.filter((file) => file.startsWith("functions/") && !CLIENT.test(file)),
      (file) => [
        ...importsOf(file).filter((name) => NETWORK.test(name)),
        ...(/\bfetch\(/.test(readFileSync(join(ROOT, file), "utf8")) ? ["fetch"] : []),
      ],
    );
    expect(wrong).toEqual([]);
  });

  test("what is deployed calls no vendor without its gate", () => {
    const wrong = findings(DEPLOYED, (file) => {
      const text = readFileSync(join(ROOT, file), "utf8");
      return [
        ...(/^import\b[^;]*\bungated\b/m.test(text) ? ["goes by no gate"] : []),
        ...(/\bcreateGate\(/.test(text) && !file.startsWith("shared/targets/") ? ["makes a gate of its own"] : []),
      ];
    });
    expect(wrong).toEqual([]);
  });

  test("contracts import zod and each other alone", () => {
    const wrong = findings(
      PRODUCT.filter((file) => file.startsWith("shared/contracts/")),
      (file) =>
        importsOf(file).filter(
          (name) => name !== "zod" && !(targetOf(file, name) ?? "").startsWith("shared/contracts/"),
        ),
    );
    expect(wrong).toEqual([]);
  });

  test("a function builds the contract of its own task, and those that no state machine invokes build none", () => {
    const isTask = (file: string) => /= defineTask\(/.test(readFileSync(join(ROOT, file), "utf8"));
    const tasks = PRODUCT.filter((file) => file.startsWith("shared/contracts/tasks/") && isTask(file));
    const builtBy = HANDLERS.map((file) => tasks.filter((task) => loadedWith(file).has(task)));
    expect(builtBy.filter((built) => built.length > 1)).toEqual([]);
    expect(builtBy.flat().sort()).toEqual(tasks.sort());
    expect(tasks.length).toBeGreaterThanOrEqual(9);
  });

  test("local/ runs the packaged functions and never imports their sources", () => {
    const wrong = findings(
      SOURCES.filter((file) => file.startsWith("local/")),
      (file) => importsOf(file).filter((name) => /^(functions|shared)\//.test(targetOf(file, name) ?? "")),
    );
    expect(wrong).toEqual([]);
  });
});

describe("one way to do each thing", () => {
  test("one module opens the ports of this machine", () => {
    const sources = SOURCES.filter((file) => file.startsWith("local/") && !/test(ing)?\.ts$/.test(file));
    const wrong = findings(sources, (file) =>
      /\bserver\.listen\(|createServer\b.*"node:http2?s?"/.test(readFileSync(join(ROOT, file), "utf8")) &&
      file !== "local/loopback.ts"
        ? ["opens a port itself"]
        : [],
    );
    expect(wrong).toEqual([]);
  });

  test("there are handlers to look at", () => {
    expect(HANDLERS.length).toBeGreaterThanOrEqual(6);
  });

  test("a handler reads in under 40 lines", () => {
    const wrong = findings(HANDLERS, (file) =>
      lineCount(file) >= MAX_HANDLER_LINES ? [`${lineCount(file)} lines`] : [],
    );
    expect(wrong).toEqual([]);
  });

  test("only the one stack adds middleware to handlers", () => {
    const wrong = findings(PRODUCT, (file) =>
      importsOf(file).includes("@middy/core") && file !== "shared/handler/stack.ts" ? ["uses middy itself"] : [],
    );
    expect(wrong).toEqual([]);
  });

  test("the environment is read through readEnv alone", () => {
    const wrong = findings(PRODUCT, (file) =>
      readFileSync(join(ROOT, file), "utf8").includes("process.env") && file !== "shared/env.ts"
        ? ["reads process.env"]
        : [],
    );
    expect(wrong).toEqual([]);
  });

  test("failures of the fleet are of its own error classes", () => {
    const wrong = findings(PRODUCT, (file) =>
      /throw new (Type|Range)?Error\(/.test(readFileSync(join(ROOT, file), "utf8")) ? ["throws a bare Error"] : [],
    );
    expect(wrong).toEqual([]);
  });

  test("no test puts a mock in the place of a module", () => {
    const wrong = findings(
      SOURCES.filter((file) => /\.test\.ts$/.test(file) && !file.endsWith("architecture.test.ts")),
      (file) => (/jest\.(?:mock|unstable_mockModule)\(/.test(readFileSync(join(ROOT, file), "utf8")) ? ["mocks"] : []),
    );
    expect(wrong).toEqual([]);
  });

  test("files stay small", () => {
    const wrong = findings(SOURCES, (file) => {
      const limit = file.endsWith(".test.ts") ? MAX_TEST_LINES : MAX_LINES;
      return lineCount(file) > limit ? [`${lineCount(file)} lines, more than ${limit}`] : [];
    });
    expect(wrong).toEqual([]);
  });
});
