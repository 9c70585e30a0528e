import { EventEmitter } from "node:events";

/** What one route has served. */
export interface RouteCalls {
  calls: number;
  /** Answers by HTTP status; `0` counts connections that broke without an answer. */
  statuses: Record<string, number>;
}

/** One answered call. */
export interface Call {
  readonly route: string;
  /** HTTP status; 0 when the connection broke without an answer. */
  readonly status: number;
  /** What the caller calls itself, where the API has a word for that. */
  readonly caller: string | undefined;
}

/** Counts calls by route, to prove how much of an API budget a flow spends, and tells whoever listens of each. */
export class Calls extends EventEmitter<{ call: [Call] }> {
  #routes = new Map<string, RouteCalls>();

  count(route: string, status: number, caller?: string): void {
    const entry = this.#routes.get(route) ?? { calls: 0, statuses: {} };
    entry.calls += 1;
    entry.statuses[status] = (entry.statuses[status] ?? 0) + 1;
    this.#routes.set(route, entry);
    this.emit("call", { route, status, caller });
  }

  report(): { total: number; routes: Record<string, RouteCalls> } {
    const routes = Object.fromEntries([...this.#routes].sort(([a], [b]) => a.localeCompare(b)));
    return { total: Object.values(routes).reduce((sum, route) => sum + route.calls, 0), routes };
  }

  clear(): void {
    this.#routes.clear();
  }
}
