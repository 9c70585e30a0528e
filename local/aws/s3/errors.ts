import { AwsError } from "../kernel/errors.ts";

/** https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html */
export function noSuchKey(key: string): AwsError {
  return new AwsError("NoSuchKey", "The specified key does not exist.", { status: 404, body: { Key: key } });
}

export function noSuchBucket(bucket: string): AwsError {
  return new AwsError("NoSuchBucket", "The specified bucket does not exist", {
    status: 404,
    body: { BucketName: bucket },
  });
}

export function bucketNotEmpty(bucket: string): AwsError {
  return new AwsError("BucketNotEmpty", "The bucket you tried to delete is not empty", {
    status: 409,
    body: { BucketName: bucket },
  });
}

export function noSuchUpload(uploadId: string): AwsError {
  const message =
    "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed.";
  return new AwsError("NoSuchUpload", message, { status: 404, body: { UploadId: uploadId } });
}

const MAX_KEY_BYTES = 1024;

/** @throws AwsError `KeyTooLongError` */
export function checkKey(key: string): void {
  const size = Buffer.byteLength(key);
  if (size > MAX_KEY_BYTES)
    throw new AwsError("KeyTooLongError", "Your key is too long", {
      body: { Size: size, MaxSizeAllowed: MAX_KEY_BYTES },
    });
}

export function entityTooLarge(most: number): AwsError {
  return new AwsError("EntityTooLarge", "Your proposed upload exceeds the maximum allowed size", {
    body: { MaxSizeAllowed: most },
  });
}

export function invalidArgument(name: string, value: string, problem: string): AwsError {
  return new AwsError("InvalidArgument", problem, { body: { ArgumentName: name, ArgumentValue: value } });
}

export function preconditionFailed(condition: string): AwsError {
  return new AwsError("PreconditionFailed", "At least one of the pre-conditions you specified did not hold", {
    status: 412,
    body: { Condition: condition },
  });
}

export function badDigest(algorithm: string): AwsError {
  return new AwsError("BadDigest", `The ${algorithm} you specified did not match the calculated checksum.`);
}

/** What S3 has and the twin has not. */
export function notImplemented(what: string): AwsError {
  return new AwsError("NotImplemented", `The twin's S3 does not implement ${what}.`, { status: 501 });
}
