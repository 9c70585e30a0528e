import { seededRandom } from "../../front/faults.ts";
import { headerOnly, isGap, NO_RECORD } from "../cdc/event.ts";
import type { EventFault } from "../state.ts";
import type { LogEntry } from "../store/event-log.ts";

/** What goes over the relay for one place on the bus, and up to where that brings it. */
export interface Sending {
  readonly deliveries: readonly LogEntry[];
  readonly upTo: number;
  /** Event that is kept back behind the next one. */
  readonly held?: LogEntry;
}

/** What is sent for an event: itself, unless a fault drops, doubles, delays or empties it. `restOf` finds its transaction's rest. */
export function applyFaults(
  faults: readonly EventFault[],
  entry: LogEntry,
  restOf: (entry: LogEntry) => readonly LogEntry[],
): Sending {
  const one = (...deliveries: LogEntry[]): Sending => ({ deliveries, upTo: entry.replayId });
  switch (drawFault(faults, entry)?.kind) {
    case "drop":
      return one();
    case "duplicate":
      return one(entry, entry);
    case "gap":
      return one(toGap(entry));
    case "overflow": {
      const rest = restOf(entry);
      return { deliveries: toOverflow([entry, ...rest]), upTo: (rest.at(-1) ?? entry).replayId };
    }
    case "reorder":
      return { deliveries: [], upTo: entry.replayId, held: entry };
    default:
      return one(entry);
  }
}

function drawFault(faults: readonly EventFault[], { event, replayId }: LogEntry): EventFault | undefined {
  if (!event) return undefined;
  for (const fault of faults) {
    if (fault.times === 0 || (fault.entity && event.entityName !== fault.entity)) continue;
    if (fault.nth > 1) {
      fault.nth -= 1;
      continue;
    }
    if (fault.probability !== undefined && seededRandom(fault.seed * 7919 + replayId)() >= fault.probability) continue;
    if (fault.times !== null) fault.times -= 1;
    return fault;
  }
  return undefined;
}

function toGap(entry: LogEntry): LogEntry {
  const { event } = entry;
  if (!event || isGap(event.changeType)) return entry;
  return { ...entry, event: headerOnly(event, `GAP_${event.changeType}` as typeof event.changeType) };
}

/** One overflow event per object in place of all the events that are left of a transaction. */
function toOverflow(entries: readonly LogEntry[]): LogEntry[] {
  const firsts = new Map<string, LogEntry>();
  for (const entry of entries) {
    const { event } = entry;
    if (!event || firsts.has(event.entityName)) continue;
    firsts.set(event.entityName, { ...entry, event: headerOnly(event, "GAP_OVERFLOW", [NO_RECORD]) });
  }
  return [...firsts.values()];
}
