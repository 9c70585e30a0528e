import { createEmulator, type EmulatorDefinition } from "emulate";
import type { DrawnFault } from "./faults.ts";
import { createStateFile, type StateFile } from "./state-file.ts";

/** Carries a drawn fault to the emulator's own routes; it never comes from the wire. */
export const FAULT_HEADER = "x-emulator-fault";

/** A custom emulator in process, behind a front. */
export interface Host<State extends object> {
  fetch(request: Request, fault?: DrawnFault): Promise<Response>;
  /** Replaces the whole state, as a reset or a restored snapshot does. */
  replace(state: State): Promise<void>;
  snapshot(): State;
  readonly file: StateFile;
  stop(): Promise<void>;
}

/**
 * Starts a definition on `emulate`'s runtime with the state of the last run, and writes the state after each call that
 * may have changed it. The definition's `state()` is where a reset goes back to.
 */
export async function startHost<State extends object>(
  definition: EmulatorDefinition<State>,
  url: string,
  statePath: string | undefined,
): Promise<Host<State>> {
  let emulator: Awaited<ReturnType<typeof start>> | undefined;
  const file = createStateFile(statePath, () => emulator?.snapshot());
  const saved = (await file.load()) as { state?: State; stateVersion?: number } | undefined;
  const version = definition.stateVersion ?? 1;
  if (saved && saved.stateVersion !== version)
    throw new Error(`The saved state in ${statePath} is of another version: delete the file to start anew.`);
  const start = (seed: State | undefined) =>
    createEmulator({ service: definition, listen: false, baseUrl: url, inspector: true, ...(seed ? { seed } : {}) });
  emulator = await start(saved?.state);
  const running = emulator;
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
      await running.restore({ formatVersion: 1, definition: definition.name, stateVersion: version, state });
      await file.flush();
    },
    snapshot: () => running.snapshot().state as State,
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
