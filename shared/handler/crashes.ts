import { strip } from "../bare-error.ts";
import { FleetError } from "../errors.ts";

/** The part of a process that tells what nobody caught. */
interface Crashing {
  on(event: "uncaughtExceptionMonitor", listener: (error: unknown) => void): unknown;
  prependListener(event: "unhandledRejection", listener: (reason: unknown) => void): unknown;
  listenerCount(event: "unhandledRejection"): number;
}

/**
 * Takes the words off what nobody catches before the runtime logs it and ends the process. Neither listener keeps the
 * process from ending: of rejections only what somebody listens to already is heard.
 * https://github.com/aws/aws-lambda-nodejs-runtime-interface-client/blob/main/src/index.mjs
 */
export function bareCrashes(runtime: Crashing): void {
  runtime.on("uncaughtExceptionMonitor", takeWordsOff);
  if (runtime.listenerCount("unhandledRejection") > 0) runtime.prependListener("unhandledRejection", takeWordsOff);
}

function takeWordsOff(error: unknown): void {
  if (!(error instanceof Error) || error instanceof FleetError) return;
  strip(error);
  // The runtime logs every member.
  for (const name of Object.keys(error)) Reflect.deleteProperty(error, name);
}
