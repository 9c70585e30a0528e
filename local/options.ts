import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { TWIN_FOLDER } from "../cli/endpoint.ts";

/** How `npm start` was called. */
export interface StartOptions {
  readonly help: boolean;
  /** End after the report instead of staying up. */
  readonly once: boolean;
  /** Print nothing to standard output but one JSON object, as its last line. */
  readonly json: boolean;
  readonly demo: boolean;
  readonly reset: boolean;
  readonly portBase: number;
  /** Largest upload to S3, in MiB. */
  readonly uploadMib: number;
  /** Folder of the state. */
  readonly stateDir: string;
}

export const DEFAULT_PORT_BASE = 4566;
const PORTS = 6;
/** What fits on the disk of a laptop, and more than the fleet writes. */
const DEFAULT_UPLOAD_MIB = 1024;
/** What S3 takes. */
const MAX_UPLOAD_MIB = 5 * 1024;
/**
 * Among the ports that anybody may open, those that `fetch` and browsers refuse to call.
 * https://fetch.spec.whatwg.org/#port-blocking
 */
const REFUSED_PORTS = [
  1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 10080,
];

export const HELP = `Runs the whole fleet on this machine: the packaged functions on a small AWS, with Salesforce, Stripe and Slack emulated.
It changes one account in Salesforce, follows the change to every target, prints a report, and stays up.

usage: npm start [-- options]

  --once         end after the report
  --json         print the report as one JSON object on the last line (progress goes to standard error)
  --no-demo      start without changing an account
  --reset        forget what earlier runs have stored
  --port-base N  first of six ports: AWS, Salesforce, Stripe, Slack, X-Ray (UDP), page; default ${DEFAULT_PORT_BASE}
  --state DIR    where state is kept; default .twin, where 'npx fleet' looks for a fleet by itself
  --upload N     MiB that S3 takes as one upload, or as one part of one; default ${DEFAULT_UPLOAD_MIB}, at most ${MAX_UPLOAD_MIB}
  --help         this text

Exit codes: 0 the change reached every target, 1 it did not or the fleet could not start, 2 wrong usage.
State is kept between runs; Ctrl-C stops cleanly.`;

/**
 * Reads the command line.
 * @throws Error of one sentence for an unknown option or a port that cannot be
 */
export function parseOptions(args: string[]): StartOptions {
  const { values } = parseArgs({
    args,
    allowNegative: true,
    options: {
      help: { type: "boolean", short: "h", default: false },
      once: { type: "boolean", default: false },
      json: { type: "boolean", default: false },
      demo: { type: "boolean", default: true },
      reset: { type: "boolean", default: false },
      state: { type: "string", default: TWIN_FOLDER },
      upload: { type: "string", default: String(DEFAULT_UPLOAD_MIB) },
      "port-base": { type: "string", default: String(DEFAULT_PORT_BASE) },
    },
  });
  const portBase = Number(values["port-base"]);
  if (!Number.isInteger(portBase) || portBase < 1 || portBase + PORTS > 65_536)
    throw new Error(`--port-base takes a port between 1 and ${65_536 - PORTS}; got '${values["port-base"]}'`);
  const refused = REFUSED_PORTS.find((port) => port >= portBase && port < portBase + PORTS);
  if (refused) throw new Error(`--port-base ${portBase} takes in port ${refused}, which browsers refuse to call`);
  const uploadMib = Number(values.upload);
  if (!Number.isInteger(uploadMib) || uploadMib < 1 || uploadMib > MAX_UPLOAD_MIB)
    throw new Error(`--upload takes 1 to ${MAX_UPLOAD_MIB} MiB; got '${values.upload}'`);
  const { help, once, json, demo, reset, state } = values;
  return { help, once, json, demo, reset, portBase, uploadMib, stateDir: resolve(state) };
}
