import { createHash } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, sep } from "node:path";
import { strToU8, unzipSync, zipSync } from "fflate";
import type { Code } from "./types.ts";

/**
 * Everything the twin unpacks and caches. It lies outside the repository on purpose: below it, Node would find the
 * repository's own node_modules and hide a dependency that the package lacks.
 */
export const WORK_FOLDER = join(tmpdir(), `connector-fleet-lambda-${process.getuid?.() ?? "user"}`);

/** Folder of V8's compile cache, shared by all functions and runs. */
export const COMPILE_CACHE = join(WORK_FOLDER, "compile-cache");

/**
 * Unpacks a deployment package into a folder named by its content; a package unpacked before is not touched.
 * @throws Error when the file is no zip archive or holds a path that leaves the folder
 */
export function unpack(zip: Uint8Array): Code {
  const hash = createHash("sha256").update(zip);
  const digest = hash.digest();
  const folder = join(WORK_FOLDER, digest.toString("hex"));
  if (existsSync(folder)) utimesSync(folder, new Date(), new Date());
  else write(unzipSync(zip), folder);
  return { folder, sha256: digest.toString("base64"), size: zip.length };
}

/** Longer than anybody leaves a fleet running without a change. */
const UNUSED_MS = 30 * 24 * 3600 * 1000;

/** Removes packages that nobody has unpacked for 30 days, and what processes that were killed have left. */
export function removeUnused(folder = WORK_FOLDER, now = Date.now()): void {
  if (!existsSync(folder)) return;
  for (const entry of readdirSync(folder)) {
    const path = join(folder, entry);
    const changedAt = statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? now;
    if (path !== COMPILE_CACHE && now - changedAt > UNUSED_MS) rmSync(path, { recursive: true, force: true });
  }
}

/** Reads and unpacks a packaged zip. */
export function unpackFile(path: string): Code {
  return unpack(readFileSync(path));
}

/**
 * A package of one inline source named `index.js`, as CloudFormation makes it from `Code.ZipFile`.
 * Node tells the module system from the syntax.
 */
export function unpackInline(source: string): Code {
  // A fixed time keeps the archive, and so the folder, the same for the same source.
  return unpack(zipSync({ "index.js": strToU8(source) }, { mtime: new Date(Date.UTC(2000, 0, 2)) }));
}

function write(files: Readonly<Record<string, Uint8Array>>, folder: string): void {
  mkdirSync(WORK_FOLDER, { recursive: true, mode: 0o700 });
  const partial = mkdtempSync(`${folder}.`);
  try {
    for (const [name, bytes] of Object.entries(files)) {
      const path = join(partial, name);
      if (!path.startsWith(partial + sep)) throw new Error(`The package holds a path outside itself: '${name}'.`);
      if (name.endsWith("/")) continue;
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, bytes);
    }
    // A rename is atomic: a crash half way leaves no folder that looks complete.
    if (!existsSync(folder)) renameSync(partial, folder);
  } finally {
    rmSync(partial, { recursive: true, force: true });
  }
}
