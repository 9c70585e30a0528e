import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, globSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

const ROOT = join(import.meta.dirname, "..");
const LOCK_FILE = join(ROOT, ".serverless.lock");
const LOCK_POLL_MS = 200;
/** Packaging never takes as long; an older lock was left behind. */
const LOCK_MAX_AGE_MS = 10 * 60_000;
const SERVERLESS = join(ROOT, "node_modules", "serverless", "bin", "serverless.js");
/** What the package is made from. */
const SOURCES = [
  "serverless.yml",
  "package-lock.json",
  "{functions,shared,statemachines,resources,scripts/serverless,cli/connect}/**/*.{ts,yml,json}",
];

/** The packaged fleet, ready to boot or deploy. */
export interface Package {
  /** Path of the CloudFormation template. */
  readonly template: string;
  /** Folder of the template and the functions' zips. */
  readonly artifacts: string;
}

/** Parameters of serverless.yml in place of the stage's own. */
type Parameters = Readonly<Record<string, string>>;

/**
 * Packages the fleet with `serverless package`, unless the last package was made from the same sources.
 * @param say gets a line before the few seconds that packaging takes
 * @param parameters packages with these lie in a folder of their own
 * @throws Error with the end of the packager's output
 */
export async function packageFleet(
  stage: string,
  say: (line: string) => void = () => undefined,
  parameters: Parameters = {},
): Promise<Package> {
  // The packager works in one folder; two at a time would mix their files.
  const release = await lock(LOCK_FILE);
  try {
    return await packageOnce(stage, say, parameters);
  } finally {
    release();
  }
}

async function packageOnce(stage: string, say: (line: string) => void, parameters: Parameters): Promise<Package> {
  const given = Object.entries(parameters).flatMap(([name, value]) => ["--param", `${name}=${value}`]);
  const folder = given.length === 0 ? ".serverless" : `.serverless-${hashOf(given).slice(0, 8)}`;
  const artifacts = join(ROOT, folder);
  const result = { artifacts, template: join(artifacts, "cloudformation-template-update-stack.json") };
  const stampFile = join(artifacts, "fleet-stamp");
  // Hashed before packaging, so that an edit meanwhile is packaged next time.
  const sources = hashSources();
  // The template is part of the stamp: somebody may have packaged another stage by hand meanwhile.
  const stamp = () => `${stage} ${sources} ${hashOf([readFileSync(result.template)])}`;
  if (existsSync(result.template) && existsSync(stampFile) && readFileSync(stampFile, "utf8") === stamp())
    return result;
  say("Packaging the functions …");
  await runServerless(["package", "--stage", stage, ...given, ...(given.length > 0 ? ["--package", folder] : [])]);
  writeFileSync(stampFile, stamp());
  return result;
}

/** Waits until no other living process holds the lock, and takes it. @returns what gives it back */
async function lock(file: string): Promise<() => void> {
  for (;;) {
    try {
      writeFileSync(file, String(process.pid), { flag: "wx" });
      return () => rmSync(file, { force: true });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    }
    if (isHeld(file)) await sleep(LOCK_POLL_MS);
    else rmSync(file, { force: true });
  }
}

function isHeld(file: string): boolean {
  try {
    const age = Date.now() - statSync(file).mtimeMs;
    // Signal 0 only asks; a lock without a number was just made, and its owner has not come to writing it.
    const owner = Number(readFileSync(file, "utf8"));
    return age < LOCK_MAX_AGE_MS && (owner === 0 || process.kill(owner, 0));
  } catch {
    return false;
  }
}

function hashOf(parts: readonly (string | Buffer)[]): string {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part).update("\0");
  return hash.digest("hex");
}

function hashSources(): string {
  const files = SOURCES.flatMap((pattern) => globSync(pattern, { cwd: ROOT })).filter(
    (file) => !/\.test\.ts$/.test(file),
  );
  return hashOf(files.sort().flatMap((file) => [file, readFileSync(join(ROOT, file))]));
}

function runServerless(args: string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [SERVERLESS, ...args], { cwd: ROOT, stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    const collect = (chunk: Buffer) => {
      output += chunk.toString();
    };
    child.stdout.on("data", collect);
    child.stderr.on("data", collect);
    child.on("error", reject);
    child.on("exit", (code) => {
      if (code === 0) resolve();
      else
        reject(new Error(`serverless ${args.join(" ")} failed:\n${output.trim().split("\n").slice(-15).join("\n")}`));
    });
  });
}
