import { z } from "zod";
import type { Calls } from "./calls.ts";
import type { Faults } from "./faults.ts";
import type { Incoming } from "./listen.ts";

/** Where every emulator's own controls live, outside the paths of the service it plays. */
export const CONTROL = "/__emulator__/";

/** One control: its input is the JSON body (or the query for GET), its output is sent as JSON. */
export interface Control {
  readonly method: "GET" | "POST" | "DELETE" | "PUT";
  /** Path after `/__emulator__/`. */
  readonly path: string;
  run(input: unknown): unknown;
}

/** A control refused its input. */
export class ControlError extends Error {
  override readonly name = "ControlError";
}

/** @throws ControlError that names the wrong member */
export function parseControl<Schema extends z.ZodType>(schema: Schema, input: unknown): z.output<Schema> {
  const parsed = schema.safeParse(input ?? {});
  if (!parsed.success) throw new ControlError(z.prettifyError(parsed.error));
  return parsed.data;
}

/** The controls that every emulator has: faults and call counters. */
export function commonControls(faults: Faults, calls: Calls): readonly Control[] {
  return [
    { method: "GET", path: "faults", run: () => faults.list() },
    { method: "POST", path: "faults", run: (input) => addFaults(faults, input) },
    { method: "DELETE", path: "faults", run: () => faults.clear() },
    { method: "GET", path: "calls", run: () => calls.report() },
    { method: "DELETE", path: "calls", run: () => calls.clear() },
  ];
}

/** Runs the control that a request names; an unknown one is answered with the list of those that exist. */
export async function runControl(controls: readonly Control[], incoming: Incoming): Promise<Response> {
  const path = incoming.url.pathname.slice(CONTROL.length);
  const control = controls.find((one) => one.path === path && one.method === incoming.method);
  if (!control) {
    const known = controls.map((one) => `${one.method} ${CONTROL}${one.path}`);
    return Response.json(
      { error: `There is no control ${incoming.method} ${CONTROL}${path}.`, known },
      { status: 404 },
    );
  }
  try {
    const output = await control.run(inputOf(incoming));
    return output === undefined ? new Response(null, { status: 204 }) : Response.json(output);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    return Response.json({ error: error.message }, { status: 400 });
  }
}

function addFaults(faults: Faults, input: unknown): unknown {
  return Array.isArray(input) ? input.map((rule) => faults.add(rule)) : faults.add(input);
}

function inputOf(incoming: Incoming): unknown {
  if (incoming.method === "GET") return Object.fromEntries(incoming.url.searchParams);
  if (incoming.body.length === 0) return undefined;
  try {
    return JSON.parse(incoming.body.toString());
  } catch (cause) {
    throw new ControlError("The body of a control must be JSON.", { cause });
  }
}
