import { PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { awsClient } from "./aws.ts";
import { awsError } from "./aws-errors.ts";

/** Objects in one bucket. */
export interface ObjectStore {
  /**
   * Stores a text under a key, in place of what was there.
   * @throws TransientError, NotAuthorizedError or RejectedByTargetError for what S3 answers
   */
  put(key: string, body: string, contentType: string): Promise<void>;
}

/** The objects of the bucket with this name. */
export function createObjectStore(bucket: string, client = awsClient(new S3Client({}))): ObjectStore {
  return {
    async put(Key, Body, ContentType) {
      const command = new PutObjectCommand({ Bucket: bucket, Key, Body, ContentType });
      await client.send(command).catch((cause) => {
        throw awsError(cause, `S3 PutObject on ${bucket}`);
      });
    },
  };
}
