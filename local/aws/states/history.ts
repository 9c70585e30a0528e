import type { HistoryEventType } from "@aws-sdk/client-sfn";
import type { Json } from "./json.ts";

/** One event as GetExecutionHistory answers it: `timestamp` in epoch seconds, details under `<type>EventDetails`. */
export interface HistoryEvent {
  readonly id: number;
  readonly previousEventId: number;
  readonly timestamp: number;
  readonly type: HistoryEventType;
  readonly [details: string]: unknown;
}

/** A line of consecutive events; each branch and iteration has its own. */
export interface Chain {
  /** Id of the latest event in this line; 0 before the first. */
  last: number;
}

/** Events that a STANDARD execution may have. https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html */
export const MAX_EVENTS = 25_000;

type Details = Readonly<Record<string, unknown>>;

/** The events of one execution, in order. */
export class History {
  readonly events: HistoryEvent[];
  readonly #now: () => number;
  readonly #added: (event: HistoryEvent) => void;

  /**
   * @param events the events so far, when an execution is taken up again
   * @param now epoch milliseconds
   * @param added called with every new event
   */
  constructor(events: HistoryEvent[], now: () => number, added: (event: HistoryEvent) => void) {
    this.events = events;
    this.#now = now;
    this.#added = added;
  }

  /** Adds an event to a line and returns its id. */
  add(chain: Chain, type: HistoryEventType, details?: Details): number {
    chain.last = this.addAfter(chain.last, type, details);
    return chain.last;
  }

  /** Adds an event that follows `previousEventId` without moving a line. */
  addAfter(previousEventId: number, type: HistoryEventType, details?: Details): number {
    const id = this.events.length + 1;
    const event: HistoryEvent = {
      timestamp: this.#now() / 1000,
      type,
      id,
      previousEventId,
      ...(details ? { [detailsMember(type)]: details } : {}),
    };
    this.events.push(event);
    this.#added(event);
    return id;
  }
}

/** Input or output members of an event's details. */
export function data(member: "input" | "output", value: Json | string): Details {
  return {
    [member]: typeof value === "string" ? value : JSON.stringify(value),
    [`${member}Details`]: { truncated: false },
  };
}

/** The same for a value that may itself be a JSON string. */
export function jsonData(member: "input" | "output", value: Json): Details {
  return data(member, JSON.stringify(value));
}

/** Name of the member that holds an event's details: one for all entered states, one for all exited ones. */
export function detailsMember(type: HistoryEventType): string {
  if (type.endsWith("StateEntered")) return "stateEnteredEventDetails";
  if (type.endsWith("StateExited")) return "stateExitedEventDetails";
  return `${type.charAt(0).toLowerCase()}${type.slice(1)}EventDetails`;
}

const EXECUTION_DATA = [
  "input",
  "inputDetails",
  "output",
  "outputDetails",
  "assignedVariables",
  "assignedVariablesDetails",
];

/** An event without the data of the execution: no inputs, outputs and variables. */
export function withoutData(event: HistoryEvent): HistoryEvent {
  const member = detailsMember(event.type);
  const details = event[member] as Details | undefined;
  if (!details) return event;
  return { ...event, [member]: stripData(details) };
}

export function stripData(details: Details): Details {
  return Object.fromEntries(Object.entries(details).filter(([name]) => !EXECUTION_DATA.includes(name)));
}
