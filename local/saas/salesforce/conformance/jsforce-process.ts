import { spawn } from "node:child_process";
import { join } from "node:path";
import type { Connection } from "jsforce/lib/core.js";

const ROOT = join(import.meta.dirname, "../../../..");

/**
 * Runs a script with an unmodified jsforce in a process of its own, which it may end; `connection` in the script has the
 * session of the one given. @returns the exit code and all that was printed
 */
export async function jsforceProcess(
  conn: Connection,
  script: string,
): Promise<{ code: number | null; output: string }> {
  const source = `
    const { Connection } = require("jsforce/lib/index.js");
    const { ORG: instanceUrl, TOKEN: accessToken } = process.env;
    const connection = new Connection({ instanceUrl, accessToken, version: "66.0" });
    (async () => { ${script} })().then(() => process.exit(0), (error) => { console.log("rejected", error.message); process.exit(0) });`;
  const env = { PATH: process.env.PATH, ORG: conn.instanceUrl, TOKEN: String(conn.accessToken) };
  const child = spawn(process.execPath, ["-e", source], { cwd: ROOT, env });
  let output = "";
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (data) => {
      output += String(data);
    });
  const code = await new Promise<number | null>((resolve) => child.on("close", resolve));
  return { code, output };
}
