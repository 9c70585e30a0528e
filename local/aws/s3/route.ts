import type { StreamingRequest, WireResponse } from "../kernel/service.ts";
import { type Xml, xmlDocument } from "./xml.ts";

/** A request with its address understood. */
export interface Call {
  readonly bucket: string;
  readonly key: string;
  readonly request: StreamingRequest;
}

/** One operation as it stands on the wire. */
export interface Route {
  readonly operation: string;
  readonly method: string;
  readonly level: "service" | "bucket" | "object";
  /** Members of the query that must be there, and those that may; any other is another operation. */
  readonly needs?: readonly string[];
  readonly allows?: readonly string[];
  /** A header that must be there. */
  readonly header?: string;
  input(call: Call): unknown;
  // biome-ignore lint/suspicious/noExplicitAny: each route knows the output of its operation
  output(output: any, call: Call): WireResponse;
}

/** A successful answer with a document. */
export function xml(root: string, value: Xml): WireResponse {
  return { status: 200, headers: { "content-type": "application/xml" }, body: xmlDocument(root, value) };
}
