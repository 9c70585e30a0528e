import * as backfill from "./backfill/command.ts";
import * as behind from "./behind/command.ts";
import * as catchUp from "./catch-up/command.ts";
import * as doctor from "./doctor/command.ts";
import { describeFailure } from "./failure.ts";
import * as parked from "./parked/command.ts";
import * as replay from "./replay/command.ts";
import * as status from "./status/command.ts";
import * as sweep from "./sweep/command.ts";
import { printable } from "./text.ts";
import * as trace from "./trace/command.ts";
import { UsageError } from "./usage.ts";

interface Command {
  readonly summary: string;
  readonly help: string;
  run(args: string[]): Promise<number>;
}

const { summary, help, run } = catchUp;
const COMMANDS: Record<string, Command> = {
  status,
  behind,
  parked,
  redrive: { ...parked, summary: "short for 'parked redrive'", run: (args) => parked.run(["redrive", ...args]) },
  discard: { ...parked, summary: "short for 'parked discard'", run: (args) => parked.run(["discard", ...args]) },
  trace,
  doctor,
  sweep,
  "catch-up": { summary, help, run },
  backfill,
  replay,
};

const HELP = `Looks into the connector fleet, on AWS or on this laptop.

usage: fleet <command> [options]

${Object.entries(COMMANDS)
  .map(([name, command]) => `  ${name.padEnd(10)} ${command.summary}`)
  .join("\n")}

'fleet <command> --help' says more. Works on the fleet that runs on this machine, or the one that AWS_ENDPOINT_URL names,
else on AWS with your own credentials (AWS_PROFILE, AWS_REGION). NO_COLOR turns colours off.
Exit codes: 0 done and well, 1 nothing found, failed or not well, 2 wrong usage.`;

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

const given = process.argv.slice(2);
try {
  process.exitCode = await main(given);
} catch (error) {
  const [name = ""] = given;
  const { sentence, exitCode } = describeFailure(error, Object.hasOwn(COMMANDS, name) ? `fleet ${name}` : "fleet");
  console.error(`error: ${printable(sentence)}`);
  process.exitCode = exitCode;
}
