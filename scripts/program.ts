import { describeFailure } from "../cli/failure.ts";

/** Runs a program to its exit code; what fails is told in a sentence. */
export async function runProgram(name: string, help: string, main: (args: string[]) => Promise<number>): Promise<void> {
  const args = process.argv.slice(2);
  if (args.includes("--help") || args.includes("-h")) {
    console.log(help);
    return;
  }
  try {
    process.exitCode = await main(args);
  } catch (error) {
    const { sentence, exitCode } = describeFailure(error, `${name} --`);
    console.error(`error: ${sentence}`);
    process.exitCode = exitCode;
  }
}
