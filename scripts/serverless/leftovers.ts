import { readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/**
 * Removes the folders in which serverless-esbuild 1.57 laid out this process's packages, some 3 MB for each function: it
 * means to, but not recursively. https://github.com/floydspace/serverless-esbuild/pull/589
 * @param functions names of the packages, as the zips are called
 */
export function removeLeftovers(functions: readonly string[], folder = tmpdir(), pid = process.pid): void {
  const names = new Set(functions);
  const own = new RegExp(`^(.+)-${pid}-\\d{13}-[0-9a-f]{8}$`);
  for (const entry of readdirSync(folder))
    if (names.has(own.exec(entry)?.[1] ?? "")) rmSync(join(folder, entry), { recursive: true, force: true });
}
