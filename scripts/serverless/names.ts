import { createHash } from "node:crypto";

const HASH_LENGTH = 8;

/** Most letters of a name, as AWS takes them. */
export const MOST = {
  /** https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html */
  function: 64,
  /** https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_CreateQueue.html */
  queue: 80,
  /** https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutRule.html */
  rule: 64,
} as const;

/**
 * A name that AWS takes: as it is while it fits, else cut, with a hash of the whole at its end. The same name always
 * becomes the same one, so that a second deploy changes nothing.
 */
export function fitName(name: string, most: number): string {
  if (name.length <= most) return name;
  const hash = createHash("sha256").update(name).digest("hex").slice(0, HASH_LENGTH);
  return `${name.slice(0, most - HASH_LENGTH - 1).replace(/-+$/, "")}-${hash}`;
}
