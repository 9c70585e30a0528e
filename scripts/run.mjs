// Runs one of the project's programs on the pinned Node, after installing what is missing.
// Free of dependencies, and of syntax that an old Node does not know: it runs before anything is installed.
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { constants } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const STAMP = join(ROOT, "node_modules", ".fleet-installed");
const PLATFORMS = ["linux-x64", "linux-arm64", "darwin-x64", "darwin-arm64", "win32-x64"];
const WINDOWS = process.platform === "win32";
const NODE = join(ROOT, "node_modules", "node", "bin", WINDOWS ? "node.exe" : "node");
const NETWORK = /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|ERR_SOCKET_TIMEOUT/;

/** Ends the program with one sentence. */
function fail(sentence) {
  console.error(`error: ${sentence}`);
  process.exit(1);
}

function lockHash() {
  return createHash("sha256")
    .update(readFileSync(join(ROOT, "package-lock.json")))
    .digest("hex");
}

function isInstalled() {
  return existsSync(NODE) && existsSync(STAMP) && readFileSync(STAMP, "utf8") === lockHash();
}

function install() {
  const platform = `${process.platform}-${process.arch}`;
  if (!PLATFORMS.includes(platform))
    fail(`this platform (${platform}) has no build of the pinned Node; use one of ${PLATFORMS.join(", ")}.`);
  const changed = existsSync(STAMP);
  console.error(
    changed ? "The lock file changed: installing …" : "First run: installing the dependencies (about a minute) …",
  );
  const started = Date.now();
  // Not `npm ci`: it refuses a lock file without the optional builds for platforms that the locking registry lacked.
  const result = npm(["install", "--no-save", "--no-audit", "--no-fund", "--loglevel=error"]);
  if (result.error && result.error.code === "ENOENT")
    fail("npm was not found; install Node.js with npm, then try again.");
  const output = `${result.stdout}${result.stderr}`;
  if (result.status !== 0 && NETWORK.test(output))
    fail("the npm registry could not be reached; the first install needs the network, later runs do not.");
  if (result.status !== 0) fail(`npm install failed:\n${output.trim()}`);
  if (!existsSync(NODE))
    fail("npm install did not install the pinned Node; allow the install script of the package 'node'.");
  writeFileSync(STAMP, lockHash());
  console.error(`Installed in ${Math.round((Date.now() - started) / 1000)} s.`);
}

function npm(args) {
  const cli = process.env.npm_execpath;
  const [command, prefix] = cli && existsSync(cli) ? [process.execPath, [cli]] : ["npm", []];
  return spawnSync(command, [...prefix, ...args], {
    cwd: ROOT,
    encoding: "utf8",
    maxBuffer: 64 * 1024 * 1024,
    shell: WINDOWS && command === "npm",
  });
}

function run(program, args) {
  const path = [dirname(NODE), join(ROOT, "node_modules", ".bin"), process.env.PATH].join(delimiter);
  const env = { ...process.env, PATH: path };
  // Asked for colours and for none, Node would warn of it in two lines.
  if (env.NO_COLOR) delete env.FORCE_COLOR;
  const child = spawn(NODE, [join(ROOT, program), ...args], { stdio: "inherit", env });
  // The terminal sends Ctrl-C to the whole group; this process only waits for the program's own end.
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"])
    process.on(signal, () => {
      if (signal !== "SIGINT" || !process.stdin.isTTY) child.kill(signal);
    });
  child.on("error", (error) => fail(`the pinned Node could not be started: ${error.message}`));
  child.on("exit", (code, signal) => process.exit(signal ? 128 + constants.signals[signal] : code));
}

const [program, ...args] = process.argv.slice(2);
if (!program) fail("usage: node scripts/run.mjs <program> [arguments]");
if (!isInstalled()) install();
run(program, args);
