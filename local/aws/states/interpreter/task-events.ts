import type { HistoryEventType } from "@aws-sdk/client-sfn";
import { REGION } from "../../kernel/names.ts";
import type { StateError } from "../errors.ts";
import { jsonData } from "../history.ts";
import type { Integration } from "../integrations/types.ts";
import type { Json } from "../json.ts";
import { TaskTimeout } from "../tokens.ts";
import type { Visit } from "./visit.ts";

export interface TaskLimits {
  readonly timeoutInSeconds?: number;
  readonly heartbeatInSeconds?: number;
}

/** Writes the events of one attempt: `Task…`, or `LambdaFunction…` when the resource is a function's ARN. */
export class TaskEvents {
  readonly #visit: Visit;
  readonly #integration: Integration;

  constructor(visit: Visit, integration: Integration) {
    this.#visit = visit;
    this.#integration = integration;
  }

  scheduled(args: Json, limits: TaskLimits): void {
    const { resource, resourceType } = this.#integration;
    if (resourceType === undefined) {
      this.#visit.event("LambdaFunctionScheduled", { resource, ...jsonData("input", args), ...limits });
      this.#visit.event("LambdaFunctionStarted");
      return;
    }
    const parameters = JSON.stringify(args);
    this.#visit.event("TaskScheduled", { resourceType, resource, region: REGION, parameters, ...limits });
    this.#visit.event("TaskStarted", { resourceType, resource });
  }

  submitted(output: Json): void {
    this.#add("Submitted", jsonData("output", output));
  }

  succeeded(output: Json): void {
    this.#add("Succeeded", jsonData("output", output));
  }

  failed(error: StateError): void {
    this.#add(error instanceof TaskTimeout ? "TimedOut" : "Failed", error.details());
  }

  #add(what: "Submitted" | "Succeeded" | "Failed" | "TimedOut", details: Readonly<Record<string, unknown>>): void {
    const { resource, resourceType } = this.#integration;
    if (resourceType === undefined) this.#visit.event(`LambdaFunction${what}` as HistoryEventType, details);
    else this.#visit.event(`Task${what}`, { resourceType, resource, ...details });
  }
}
