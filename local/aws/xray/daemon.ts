import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";

const HOST = "127.0.0.1";

/**
 * The X-Ray daemon: takes `{"format":"json","version":1}`, a line break and a document per datagram. It never answers;
 * `onProblem` hears of what is no such datagram.
 * https://docs.aws.amazon.com/xray/latest/devguide/xray-api-sendingdata.html#xray-api-daemon
 */
export class Daemon {
  readonly #onDocument: (document: string) => void;
  readonly #onProblem: (problem: string) => void;
  #socket: Socket | undefined;

  constructor(onDocument: (document: string) => void, onProblem: (problem: string) => void) {
    this.#onDocument = onDocument;
    this.#onProblem = onProblem;
  }

  /** Binds the port (0: a free one); resolves with `host:port`. @throws Error when the port is taken */
  async listen(port: number): Promise<string> {
    const socket = createSocket("udp4");
    this.#socket = socket;
    socket.on("message", (datagram) => this.#read(datagram.toString("utf8")));
    socket.bind(port, HOST);
    await once(socket, "listening");
    // A burst at the end of an invocation must not be lost in a small buffer.
    socket.setRecvBufferSize(2 ** 20);
    return `${HOST}:${socket.address().port}`;
  }

  async close(): Promise<void> {
    const socket = this.#socket;
    this.#socket = undefined;
    if (socket) await new Promise<void>((resolve) => socket.close(() => resolve()));
  }

  #read(datagram: string): void {
    const end = datagram.indexOf("\n");
    if (end < 0 || !isHeader(datagram.slice(0, end)))
      this.#onProblem('A datagram must begin with {"format":"json","version":1} and a line break.');
    else this.#onDocument(datagram.slice(end + 1));
  }
}

function isHeader(line: string): boolean {
  try {
    const { format, version } = JSON.parse(line);
    return format === "json" && version === 1;
  } catch {
    return false;
  }
}
