import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { constants, tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";

const RUN = join(import.meta.dirname, "run.mjs");
const LOCK = '{"lockfileVersion":3}';
const LOCK_HASH = createHash("sha256").update(LOCK).digest("hex");
/** Installs what the launcher looks for: the pinned Node, here the one that runs the tests. */
const INSTALLS = `
  const { mkdirSync, symlinkSync } = require("node:fs");
  mkdirSync("node_modules/node/bin", { recursive: true });
  symlinkSync(process.execPath, "node_modules/node/bin/node");`;

let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "fleet-run-"));
  mkdirSync(join(root, "scripts"));
  cpSync(RUN, join(root, "scripts", "run.mjs"));
  writeFileSync(join(root, "package-lock.json"), LOCK);
  mkdirSync(join(root, "node_modules"));
});
afterEach(() => rmSync(root, { recursive: true }));

const write = (name: string, text: string) => {
  writeFileSync(join(root, name), text);
  return join(root, name);
};
const stamp = () => join(root, "node_modules", ".fleet-installed");

/** Pretends that everything was installed for a lock file. */
function installed(hash = LOCK_HASH): void {
  mkdirSync(join(root, "node_modules", "node", "bin"), { recursive: true });
  symlinkSync(process.execPath, join(root, "node_modules", "node", "bin", "node"));
  writeFileSync(stamp(), hash);
}

/** Puts an npm in place that runs `code`, and notes its arguments. */
function npm(code: string): { npm_execpath: string } {
  const note = 'require("node:fs").appendFileSync("npm-calls", JSON.stringify(process.argv.slice(2)) + "\\n");';
  return { npm_execpath: write("npm.cjs", `${note}\n${code}`) };
}

const npmCalls = (): string[][] => {
  const file = join(root, "npm-calls");
  return existsSync(file)
    ? readFileSync(file, "utf8")
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line))
    : [];
};

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** Starts the launcher; `seen` gets standard output as it comes. */
function run(
  args: string[],
  env: NodeJS.ProcessEnv = {},
  seen: (out: string, kill: (signal: NodeJS.Signals) => void) => void = () => undefined,
): Promise<Ended> {
  const child = spawn(process.execPath, [join(root, "scripts", "run.mjs"), ...args], {
    cwd: tmpdir(),
    env: { PATH: root, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let [out, err] = ["", ""];
  child.stdout.on("data", (chunk) => {
    out += chunk;
    seen(out, (signal) => child.kill(signal));
  });
  child.stderr.on("data", (chunk) => {
    err += chunk;
  });
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, out, err }));
  });
}

describe("when everything is installed", () => {
  test("runs the program with its arguments, and asks npm nothing", async () => {
    installed();
    write("program.mjs", "console.log(JSON.stringify(process.argv.slice(2)))");
    const ended = await run(["program.mjs", "--flag", "two words"], npm("process.exit(9)"));
    expect(ended).toEqual({ code: 0, out: '["--flag","two words"]\n', err: "" });
    expect(npmCalls()).toEqual([]);
  });

  test("puts the pinned Node and the project's programs before the machine's", async () => {
    installed();
    write("program.mjs", "console.log(process.env.PATH)");
    const path = (await run(["program.mjs"])).out.trim().split(delimiter);
    expect(path).toEqual([join(root, "node_modules", "node", "bin"), join(root, "node_modules", ".bin"), root]);
  });

  test("ends with the program's exit code", async () => {
    installed();
    write("program.mjs", "process.exit(7)");
    expect((await run(["program.mjs"])).code).toBe(7);
  });

  test.each(["SIGTERM", "SIGHUP", "SIGINT"] as const)(
    "hands %s on and waits for the program's own end",
    async (signal) => {
      installed();
      write(
        "program.mjs",
        `process.on("${signal}", () => { console.log("cleaned up"); process.exit(3); });
       setInterval(() => undefined, 1000);
       console.log("ready");`,
      );
      const ended = await run(["program.mjs"], {}, (out, kill) => {
        if (out === "ready\n") kill(signal);
      });
      expect(ended).toEqual({ code: 3, out: "ready\ncleaned up\n", err: "" });
    },
  );

  test("says by its exit code that a signal ended the program", async () => {
    installed();
    write("program.mjs", 'process.kill(process.pid, "SIGKILL"); setInterval(() => undefined, 1000);');
    expect((await run(["program.mjs"])).code).toBe(128 + constants.signals.SIGKILL);
  });
});

describe("when something is missing", () => {
  test("installs once, without touching the lock file, then runs", async () => {
    write("program.mjs", 'console.log("ran")');
    const env = npm(INSTALLS);
    const first = await run(["program.mjs"], env);
    expect(first).toMatchObject({ code: 0, out: "ran\n" });
    expect(first.err).toMatch(/^First run: installing the dependencies .*\nInstalled in \d+ s\.\n$/);
    expect(await run(["program.mjs"], env)).toEqual({ code: 0, out: "ran\n", err: "" });
    expect(npmCalls()).toEqual([["install", "--no-save", "--no-audit", "--no-fund", "--loglevel=error"]]);
    expect(readFileSync(stamp(), "utf8")).toBe(LOCK_HASH);
  });

  test("installs again when the lock file changed", async () => {
    installed("another");
    write("program.mjs", 'console.log("ran")');
    const ended = await run(["program.mjs"], npm(""));
    expect(ended).toMatchObject({
      code: 0,
      out: "ran\n",
      err: expect.stringMatching(/^The lock file changed: installing/),
    });
    expect(npmCalls()).toHaveLength(1);
  });

  test("takes npm from the path when it was not started by npm", async () => {
    write("program.mjs", 'console.log("ran")');
    const script = `#!${process.execPath}\n${INSTALLS}`;
    writeFileSync(join(root, "npm"), script, { mode: 0o755 });
    expect(await run(["program.mjs"])).toMatchObject({ code: 0, out: "ran\n" });
  });
});

describe("an install that fails", () => {
  const fails = async (env: NodeJS.ProcessEnv) => {
    write("program.mjs", 'console.log("ran")');
    const { code, out, err } = await run(["program.mjs"], env);
    expect([code, out]).toEqual([1, ""]);
    expect(existsSync(stamp())).toBe(false);
    const [first, ...rest] = err.trimEnd().split("\n");
    return { first, rest: rest.join("\n") };
  };
  const printing = (text: string) => npm(`console.error(${JSON.stringify(text)}); process.exit(1);`);

  test.each([
    "npm error code ENOTFOUND\nnpm error errno ENOTFOUND",
    "npm error code EAI_AGAIN",
    "npm error code ECONNREFUSED",
    "npm error code ETIMEDOUT",
  ])("for want of a network is said in one sentence (%s)", async (text) => {
    const { rest } = await fails(printing(text));
    expect(rest).toBe(
      "error: the npm registry could not be reached; the first install needs the network, later runs do not.",
    );
  });

  test("otherwise shows what npm said", async () => {
    const { rest } = await fails(printing("npm error code EINTEGRITY"));
    expect(rest).toBe("error: npm install failed:\nnpm error code EINTEGRITY");
  });

  test("without npm says what to install", async () => {
    const { rest } = await fails({});
    expect(rest).toBe("error: npm was not found; install Node.js with npm, then try again.");
  });

  test("that leaves out the pinned Node says what to allow", async () => {
    const { rest } = await fails(npm(""));
    expect(rest).toBe(
      "error: npm install did not install the pinned Node; allow the install script of the package 'node'.",
    );
  });

  test("on a platform without a pinned Node names those that have one", async () => {
    const preload = write("platform.cjs", 'Object.defineProperty(process, "platform", { value: "sunos" });');
    const { first, rest } = await fails({ ...npm(""), NODE_OPTIONS: `--require=${preload}` });
    expect(first).toMatch(
      /^error: this platform \(sunos-\w+\) has no build of the pinned Node; use one of linux-x64, /,
    );
    expect([rest, npmCalls()]).toEqual(["", []]);
  });
});

test("without a program says how it is used", async () => {
  expect(await run([])).toEqual({
    code: 1,
    out: "",
    err: "error: usage: node scripts/run.mjs <program> [arguments]\n",
  });
});
