import type { ParkedSummary } from "../../shared/parked/work.ts";

/** What to do about an error, by its code; more exact than by its name. */
const BY_CODE: Readonly<Record<string, string>> = {
  BAD_FIELD: "Correct the field of the account in Salesforce; the edit syncs it, and this is superseded by itself.",
  OTHER_ORG: "Two organisations have a record with this id. Disconnect the copy, such as a sandbox, then discard this.",
  OVERWRITTEN: "Find the flow, trigger or integration that sets these fields back, then redrive.",
  UNKNOWN_MAPPING: "Correct 'mapping' in the organisation's secret, then redrive.",
  NOT_JSON: "Nothing of the fleet sent this. Find out who writes to the queue, then discard it.",
  NOT_AN_EVENT: "Nothing of the fleet sent this. Find out who writes to the queue, then discard it.",
  UNKNOWN_EVENT: "A newer version of the fleet may know this event: deploy it and redrive, else discard.",
};

/** What to do about an error, by its class or by what AWS calls it. */
const BY_NAME: Readonly<Record<string, string>> = {
  InvalidInputError:
    "The record itself is wrong. Correct it in Salesforce: the edit syncs it, and this is superseded by itself.",
  RejectedByTargetError:
    "The target refused it for what it is. Correct the record, or the target's settings, then redrive.",
  NotAuthorizedError:
    "A key, login or permission is refused. Replace it ('fleet doctor' looks at Salesforce), then redrive.",
  ContractError:
    "It does not have the agreed shape. Mend whoever sent it and deploy, then redrive; discard what is garbage.",
  TransientError:
    "The target failed for longer than work waits by itself. Look at 'fleet status'; once it is well, redrive.",
  RateLimitedError:
    "The target was busy for longer than work waits by itself. Look at 'fleet status'; once it is well, redrive.",
  TargetUnavailableError:
    "The target was away for longer than work waits by itself. Look at 'fleet status', then redrive.",
  ConsumerCrashed: "The function ended without an answer; its log says why. Mend and deploy it, then redrive.",
  "States.Timeout":
    "The function took too long; its log and the trace say where. Redrive, and look into it when it comes again.",
  // https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html
  NO_PERMISSIONS: "EventBridge may not write to the queue. Deploy the queue's policy again, then redrive.",
  SDK_CLIENT_ERROR:
    "EventBridge could not write to the queue. See whether the queue is there and its key may be used, then redrive.",
  NO_RESOURCE: "EventBridge found no queue. Deploy the fleet again, then redrive.",
};

const DEFAULT =
  "Redrive it once; if it is parked again with the same words, look at its trace, and discard what has no use.";

/** What a person does about a piece of parked work, in a sentence or two. */
export function adviceFor({
  errorName,
  errorCode = "",
  status,
}: Pick<ParkedSummary, "errorName" | "errorCode" | "status">): string {
  if (status === "redriven") return "Nothing yet: it was redriven, and is closed when its customer is in step.";
  if (status !== "parked") return "Nothing: it has ended.";
  return own(BY_CODE, errorCode) ?? own(BY_NAME, errorName) ?? DEFAULT;
}

function own(table: Readonly<Record<string, string>>, key: string): string | undefined {
  return Object.hasOwn(table, key) ? table[key] : undefined;
}
