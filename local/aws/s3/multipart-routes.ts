import { checksumHeaders } from "./checksums.ts";
import { attributesFrom, bodyFrom, partsFrom } from "./headers.ts";
import type { PutObjectOutput } from "./input.ts";
import { type Call, type Route, xml } from "./route.ts";

/** Uploads in parts, as they stand on the wire. */
export const MULTIPART_ROUTES: readonly Route[] = [
  {
    operation: "CreateMultipartUpload",
    method: "POST",
    level: "object",
    needs: ["uploads"],
    input: ({ bucket, key, request }) => ({ Bucket: bucket, Key: key, ...attributesFrom(request.headers) }),
    output: ({ UploadId }, { bucket, key }) =>
      xml("InitiateMultipartUploadResult", { Bucket: bucket, Key: key, UploadId }),
  },
  {
    operation: "UploadPart",
    method: "PUT",
    level: "object",
    needs: ["partNumber", "uploadId"],
    input: (call) => ({
      ...uploadOf(call),
      PartNumber: Number(call.request.query.get("partNumber")),
      ...bodyFrom(call.request),
    }),
    output: ({ ETag, Checksum }: PutObjectOutput) => ({
      status: 200,
      headers: { etag: ETag, ...checksumHeaders(Checksum) },
    }),
  },
  {
    operation: "CompleteMultipartUpload",
    method: "POST",
    level: "object",
    needs: ["uploadId"],
    input: (call) => ({ ...uploadOf(call), Parts: partsFrom(call.request) }),
    output: ({ ETag }, { bucket, key }) => xml("CompleteMultipartUploadResult", { Bucket: bucket, Key: key, ETag }),
  },
  {
    operation: "AbortMultipartUpload",
    method: "DELETE",
    level: "object",
    needs: ["uploadId"],
    input: uploadOf,
    output: () => ({ status: 204 }),
  },
];

function uploadOf({ bucket, key, request }: Call) {
  return { Bucket: bucket, Key: key, UploadId: request.query.get("uploadId") ?? "" };
}
