import * as backfill from "./backfill/command.ts";
import * as behind from "./behind/command.ts";
import * as catchUp from "./catch-up/command.ts";
import * as connect from "./connect/command.ts";
import * as doctor from "./doctor/command.ts";
import { describeFailure } from "./failure.ts";
import * as parked from "./parked/command.ts";
import * as replay from "./replay/command.ts";
import * as status from "./status/command.ts";
import * as sweep from "./sweep/command.ts";
import { printable } from "./text.ts";
import * as trace from "./trace/command.ts";
import { UsageError, type Work } from "./usage.ts";

interface Command {
  readonly summary: string;
  readonly help: string;
  /** Help on parts of it, by the first argument. */
  readonly parts?: Readonly<Record<string, string>>;
  /** Reads the arguments, and connects to nothing yet. @throws UsageError, or what `parseArgs` throws */
  prepare(args: string[]): Work;
}

const { summary, help, prepare } = catchUp;

/** A part of `fleet parked` as a command of its own. */
function partOfParked(part: string): Command {
  return {
    summary: `short for 'parked ${part}'`,
    help: parked.parts[part] ?? parked.help,
    prepare: (args) => parked.prepare([part, ...args]),
  };
}

const COMMANDS: Record<string, Command> = {
  status,
  behind,
  parked,
  redrive: partOfParked("redrive"),
  discard: partOfParked("discard"),
  trace,
  connect,
  doctor,
  sweep,
  "catch-up": { summary, help, prepare },
  backfill,
  replay,
};

const HELP = `Looks into the connector fleet, on AWS or on this laptop.

usage: fleet <command> [options]

${Object.entries(COMMANDS)
  .map(([name, command]) => `  ${name.padEnd(10)} ${command.summary}`)
  .join("\n")}

'fleet <command> --help' says more. Works on the fleet that runs on this
machine, or the one that AWS_ENDPOINT_URL names, else on AWS with your own
credentials (AWS_PROFILE, AWS_REGION). NO_COLOR turns colours off.
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
    const [part = ""] = args;
    const parts = command.parts ?? {};
    console.log(Object.hasOwn(parts, part) ? parts[part] : command.help);
    return 0;
  }
  return command.prepare(args)();
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
