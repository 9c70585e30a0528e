import { z } from "zod";
import { ContractError } from "#shared/errors.ts";
import { describeIssues } from "#shared/issues.ts";

/** An event of the Pub/Sub API that nobody could decode: `detail.unreadable` of a message in place of the change. */
const unreadableSchema = z.looseObject({
  /** Position in the channel, hexadecimal; Salesforce gives the event again for 72 hours. */
  replayId: z.string(),
  schemaId: z.string(),
  /** Avro in base64; null when it is too large for a queue. */
  payload: z.string().nullable(),
  /** Why it could not be decoded. */
  reason: z.string(),
});

export type Unreadable = z.infer<typeof unreadableSchema>;

/** Why a message with an unreadable event is refused: the event's own reason, and what to do about it. */
export function unreadableError(value: unknown): ContractError {
  const result = unreadableSchema.safeParse(value);
  if (!result.success)
    return new ContractError("BAD_EVENT", `detail.unreadable is wrong: ${describeIssues(result.error.issues)}`);
  const { replayId, schemaId, reason, payload } = result.data;
  const where = payload === null ? "is too large for the message" : "is in the message, Avro in base64";
  return new ContractError(
    "UNREADABLE",
    `The event at replay id ${replayId} cannot be decoded with schema ${schemaId}: ${reason} Its payload ${where}. The ` +
      "next sweep brings what it changed.",
  );
}
