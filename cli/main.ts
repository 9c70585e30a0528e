import * as backfill from "./backfill/command.ts";
import * as catchUp from "./catch-up/command.ts";
import * as doctor from "./doctor/command.ts";
import * as sweep from "./sweep/command.ts";
import * as trace from "./trace/command.ts";
import { UsageError } from "./usage.ts";

interface Command {
  readonly summary: string;
  readonly help: string;
  run(args: string[]): Promise<number>;
}

const { summary, help, run } = catchUp;
const COMMANDS: Record<string, Command> = { backfill, "catch-up": { summary, help, run }, doctor, sweep, trace };

const HELP = `Looks into the connector fleet, on AWS or on this laptop.

usage: fleet <command> [options]

${Object.entries(COMMANDS)
  .map(([name, command]) => `  ${name.padEnd(10)} ${command.summary}`)
  .join("\n")}

'fleet <command> --help' says more. Exit codes: 0 done, 1 nothing found or failed, 2 wrong usage.`;

/** Runs one command of the command line. */
async function main([name, ...args]: string[]): Promise<number> {
  if (!name || name === "--help" || name === "-h" || name === "help") {
    console.log(HELP);
    return name ? 0 : 2;
  }
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (!command) throw new UsageError(`there is no command '${name}'`);
  if (args.includes("--help") || args.includes("-h")) {
    console.log(command.help);
    return 0;
  }
  return command.run(args);
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  const { sentence, exitCode } = describeFailure(error);
  console.error(`error: ${sentence}`);
  process.exitCode = exitCode;
}
