import { AwsError } from "../kernel/errors.ts";

const MAX_LINE_BYTES = 16 * 1024;
const CRLF = Buffer.from("\r\n");

/** A body in aws-chunked encoding, decoded; `trailers` are complete when `body` has ended. */
export interface Decoded {
  readonly body: AsyncGenerator<Buffer>;
  readonly trailers: Readonly<Record<string, string>>;
}

/**
 * Takes the aws-chunked encoding off a body: chunks with their length in hexadecimal, perhaps a signature (which the
 * twin does not check), and trailers after the last.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming-trailers.html
 * @throws AwsError `IncompleteBody` when the body ends early, `InvalidRequest` when a chunk is malformed; both while
 * `body` is read
 */
export function decodeChunked(source: AsyncIterable<Buffer>): Decoded {
  const trailers: Record<string, string> = {};
  return { body: decode(new Source(source), trailers), trailers };
}

async function* decode(source: Source, trailers: Record<string, string>): AsyncGenerator<Buffer> {
  for (;;) {
    const line = await source.line();
    const size = /^([0-9a-f]{1,8})(;.*)?$/i.exec(line)?.[1];
    if (size === undefined) throw malformed("a chunk does not begin with its length");
    let left = Number.parseInt(size, 16);
    if (left === 0) break;
    while (left > 0) {
      const piece = await source.take(left);
      left -= piece.length;
      yield piece;
    }
    if ((await source.line()) !== "") throw malformed("a chunk is longer than it says");
  }
  for (;;) {
    const line = await source.trailer();
    if (!line) break;
    const colon = line.indexOf(":");
    if (colon < 1) throw malformed("a trailer has no name");
    trailers[line.slice(0, colon).trim().toLowerCase()] = line.slice(colon + 1).trim();
  }
  if (!(await source.ended())) throw malformed("there is more after the last chunk");
}

/** Reads a stream of buffers by lines and by pieces, whatever the borders of the buffers. */
class Source {
  readonly #chunks: AsyncIterator<Buffer>;
  #rest: Buffer = Buffer.alloc(0);

  constructor(source: AsyncIterable<Buffer>) {
    this.#chunks = source[Symbol.asyncIterator]();
  }

  /** A line without its end. */
  async line(): Promise<string> {
    const line = await this.trailer();
    if (line === undefined) throw incomplete();
    return line;
  }

  /** A line, or `undefined` at the end: the empty line after the trailers may be missing. */
  async trailer(): Promise<string | undefined> {
    for (;;) {
      const end = this.#rest.indexOf(CRLF);
      if (end >= 0) {
        const line = this.#rest.toString("latin1", 0, end);
        this.#rest = this.#rest.subarray(end + CRLF.length);
        return line;
      }
      if (this.#rest.length > MAX_LINE_BYTES) throw malformed("a line is too long");
      if (await this.#more()) continue;
      if (this.#rest.length > 0) throw incomplete();
      return undefined;
    }
  }

  /** Between 1 and `most` bytes. */
  async take(most: number): Promise<Buffer> {
    while (this.#rest.length === 0) if (!(await this.#more())) throw incomplete();
    const piece = this.#rest.subarray(0, most);
    this.#rest = this.#rest.subarray(piece.length);
    return piece;
  }

  async ended(): Promise<boolean> {
    while (this.#rest.length === 0) if (!(await this.#more())) return true;
    return false;
  }

  async #more(): Promise<boolean> {
    const { done, value } = await this.#chunks.next();
    if (done) return false;
    this.#rest = this.#rest.length === 0 ? value : Buffer.concat([this.#rest, value]);
    return true;
  }
}

function incomplete(): AwsError {
  return new AwsError("IncompleteBody", "The request body terminated unexpectedly");
}

function malformed(problem: string): AwsError {
  return new AwsError("InvalidRequest", `The aws-chunked body is malformed: ${problem}.`);
}
