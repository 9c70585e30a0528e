import { createEmulator, defineEmulator, type EmulatorContext } from "emulate";
import type { DrawnFault } from "./faults.ts";
import { createStateFile, type StateFile } from "./state-file.ts";

/** Carries a drawn fault to the emulator's own routes; it never comes from the wire. */
export const FAULT_HEADER = "x-emulator-fault";

/** An emulator of our own: its name, its first state, and its routes over that state. */
export interface Definition<State extends object> {
  readonly name: string;
  state(): State;
  setup(context: EmulatorContext<State>): void;
}

/** A custom emulator in process, behind a front. */
export interface Host<State extends object> {
  fetch(request: Request, fault?: DrawnFault): Promise<Response>;
  /** Replaces the whole state, as a reset does. */
  replace(state: State): Promise<void>;
  readonly file: StateFile;
  stop(): Promise<void>;
}

/** Changes when a state of this version can no longer be read. */
const STATE_VERSION = 1;

/**
 * Starts an emulator on `emulate`'s runtime with the state of the last run, and writes the state after each call that may
 * have changed it, before the call is answered.
 * @throws Error with one sentence when the saved state cannot be used
 */
export async function startHost<State extends object>(
  definition: Definition<State>,
  url: string,
  statePath: string | undefined,
): Promise<Host<State>> {
  const { name } = definition;
  let live: State | undefined;
  const service = defineEmulator<State>({
    name,
    cors: false,
    stateVersion: STATE_VERSION,
    state: definition.state,
    setup(context) {
      live = context.state;
      definition.setup(context);
    },
  });
  const file = createStateFile(statePath, () => ({ stateVersion: STATE_VERSION, state: live }));
  const saved = (await file.load()) as { state: State; stateVersion: number } | undefined;
  if (saved && saved.stateVersion !== STATE_VERSION)
    throw new Error(`The saved state in ${statePath} is of another version: start with --reset, or delete the file.`);
  const seed = saved ? { seed: saved.state } : {};
  const running = await createEmulator({ service, listen: false, baseUrl: url, inspector: true, ...seed });
  return {
    file,
    async fetch(request, fault) {
      const headers = new Headers(request.headers);
      headers.delete(FAULT_HEADER);
      if (fault) headers.set(FAULT_HEADER, encodeURIComponent(JSON.stringify(fault)));
      const response = await running.fetch(new Request(request, { headers }));
      if (request.method !== "GET" && request.method !== "HEAD") await file.flush();
      return response;
    },
    async replace(state) {
      await running.restore({ formatVersion: 1, definition: name, stateVersion: STATE_VERSION, state });
      await file.flush();
    },
    async stop() {
      await running.close();
      await file.flush();
    },
  };
}

/** The fault that this request has drawn, if any. */
export function drawnFault(header: string | undefined): DrawnFault | undefined {
  return header === undefined ? undefined : (JSON.parse(decodeURIComponent(header)) as DrawnFault);
}
