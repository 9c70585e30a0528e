import { globSync, mkdirSync, mkdtempSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const ROOT = join(import.meta.dirname, "..", "..");
const LINKED = [
  "cli",
  "node_modules",
  "package.json",
  "resources",
  "scripts",
  "shared",
  "statemachines",
  "tsconfig.json",
];

/** The consumer that the second version has and the first has not. */
export const ADDED = "extra-look";

const CONNECTOR = `${ADDED}:
  handler: functions/extra/look.handler
  events:
    - consumer: { queue: ${ADDED}, consumes: [customer.synced], batchSize: 10 }
`;
const HANDLER = "export const handler = async () => ({ batchItemFailures: [] });\n";

/** A copy of the service in a temporary folder, by links, with one consumer more. @returns the folder */
export function secondVersion(): string {
  const folder = mkdtempSync(join(tmpdir(), "fleet-second-"));
  for (const name of LINKED) symlinkSync(join(ROOT, name), join(folder, name));
  mkdirSync(join(folder, "functions", "extra"), { recursive: true });
  for (const name of globSync("*", { cwd: join(ROOT, "functions") }))
    symlinkSync(join(ROOT, "functions", name), join(folder, "functions", name));
  writeFileSync(join(folder, "functions", "extra", "look.ts"), HANDLER);
  writeFileSync(join(folder, "functions", "extra", "connector.yml"), CONNECTOR);
  const config = readFileSync(join(ROOT, "serverless.yml"), "utf8");
  const line = `  - \${file(./functions/flows/connector.yml)}\n`;
  if (!config.includes(line)) throw new Error("serverless.yml lists its connectors in another way.");
  writeFileSync(
    join(folder, "serverless.yml"),
    config.replace(line, `${line}  - \${file(./functions/extra/connector.yml)}\n`),
  );
  return folder;
}
