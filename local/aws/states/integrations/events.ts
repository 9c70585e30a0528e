import { StateError } from "../errors.ts";
import { isObject, type Json } from "../json.ts";
import { optimisedErrors } from "./errors.ts";
import { asText, members } from "./metadata.ts";
import type { Action } from "./types.ts";

const errorOf = optimisedErrors({
  prefix: "EventBridge",
  modelled: ["InternalException", "ResourceNotFoundException", "SdkClientException"],
  base: "AmazonEventBridgeException",
  service: "AmazonEventBridge",
  deniedStatus: 400,
});

/** https://docs.aws.amazon.com/step-functions/latest/dg/connect-eventbridge.html */
export const putEvents: Action = {
  patterns: ["request", "waitForTaskToken"],
  required: ["Entries"],
  optional: ["EndpointId"],
  errorOf,
  async start(request) {
    const { Entries, ...rest } = members(request.arguments);
    const entries = (Array.isArray(Entries) ? Entries : [Entries ?? null]).map((entry) =>
      withOrigin(entry, [request.machineArn, request.executionArn]),
    );
    const { output } = await request.call("events", "PutEvents", { ...rest, Entries: entries }, "EventBridge");
    const result = { Entries: output.Entries, FailedEntryCount: output.FailedEntryCount };
    if (output.FailedEntryCount > 0) throw new StateError("EventBridge.FailedEntry", JSON.stringify(result));
    return result;
  },
};

/** An entry with its detail as text and the machine and the execution added to its resources. */
function withOrigin(entry: Json, origin: readonly string[]): Json {
  if (!isObject(entry)) return entry;
  const { Detail, Resources } = entry;
  const detail = asText(Detail);
  return {
    ...entry,
    ...(detail === undefined ? {} : { Detail: detail }),
    Resources: [...(Array.isArray(Resources) ? Resources : []), ...origin],
  };
}
