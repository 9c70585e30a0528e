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

/**
 * A copy of the service in a temporary folder, by links: deploying a package clears the folder's own.
 * @param isSecond with one consumer more
 * @returns the folder
 */
export function copyService(isSecond: boolean): string {
  const folder = mkdtempSync(join(tmpdir(), "fleet-service-"));
  for (const name of LINKED) symlinkSync(join(ROOT, name), join(folder, name));
  mkdirSync(join(folder, "functions"));
  for (const name of globSync("*", { cwd: join(ROOT, "functions") }))
    symlinkSync(join(ROOT, "functions", name), join(folder, "functions", name));
  const config = readFileSync(join(ROOT, "serverless.yml"), "utf8");
  writeFileSync(join(folder, "serverless.yml"), isSecond ? withConsumer(folder, config) : config);
  return folder;
}

function withConsumer(folder: string, config: string): string {
  mkdirSync(join(folder, "functions", "extra"));
  writeFileSync(join(folder, "functions", "extra", "look.ts"), HANDLER);
  writeFileSync(join(folder, "functions", "extra", "connector.yml"), CONNECTOR);
  const line = `  - \${file(./functions/flows/connector.yml)}\n`;
  if (!config.includes(line)) throw new Error("serverless.yml lists its connectors in another way.");
  return config.replace(line, `${line}  - \${file(./functions/extra/connector.yml)}\n`);
}
