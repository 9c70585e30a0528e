import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { type ClockMessage, END, FRAME, type InvokeMessage, LOG, type ProcessMessage } from "./bootstrap/protocol.ts";

const BOOTSTRAP = fileURLToPath(new URL("./bootstrap/main.ts", import.meta.url));

/** How long to wait for the last output of a dead process whose pipes another process may hold open. */
const DRAIN_MS = 200;

const SIGNALS: Readonly<Record<string, string>> = {
  SIGKILL: "killed",
  SIGABRT: "aborted",
  SIGSEGV: "segmentation fault",
  SIGTERM: "terminated",
  SIGBUS: "bus error",
  SIGILL: "illegal instruction",
  SIGTRAP: "trace/breakpoint trap",
};

/** What comes back from a process: its message, or how it died (`Runtime exited …`). */
export type Answer = ProcessMessage | { readonly kind: "exit"; readonly reason: string };

export interface ProcessOptions {
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  /** Megabytes of JavaScript heap. */
  readonly memorySize: number;
  /** Gets each log message of the process with its time stamp in epoch milliseconds. */
  readonly onLog: (message: string, at: number) => void;
}

/** One Node.js process that runs one function, one invocation at a time. */
export class FunctionProcess {
  /** `ready`, `init-error` or `exit`; never rejects. */
  readonly initialised: Promise<Answer>;
  readonly #child: ChildProcess;
  readonly #onLog: ProcessOptions["onLog"];
  #alive = true;
  #outOfMemory = false;
  #maxRss = 0;
  #waiting: { resolve(answer: Answer): void; answer?: Answer | undefined; drained: boolean } | undefined;

  constructor({ env, cwd, memorySize, onLog }: ProcessOptions) {
    this.#onLog = onLog;
    this.initialised = this.#nextAnswer();
    this.#child = fork(BOOTSTRAP, [], {
      cwd,
      env,
      execPath: process.execPath,
      execArgv: [`--max-old-space-size=${memorySize}`, "--enable-source-maps", "--no-warnings=ExperimentalWarning"],
      stdio: ["ignore", "pipe", "pipe", "ipc"],
    });
    this.#child.on("message", (message) => this.#settle(message as ProcessMessage));
    this.#child.on("error", (error) => this.#died(`Runtime failed to start: ${error.message}`));
    this.#child.on("exit", (code, signal) => this.#exited(code, signal));
    this.#readFrames();
    this.#readErrors();
  }

  /** False once the process has exited or was killed. */
  get alive(): boolean {
    return this.#alive;
  }

  /** Peak memory of the process in megabytes, as of its last answer. */
  get maxMemory(): number {
    return Math.ceil(this.#maxRss / 1024);
  }

  /** Runs one invocation; never rejects. */
  async invoke(message: InvokeMessage): Promise<Answer> {
    if (!this.#alive) return { kind: "exit", reason: "Runtime exited without providing a reason" };
    const answer = this.#nextAnswer();
    this.#child.send(message, () => undefined);
    return answer;
  }

  /** Tells the process how far the twin's clock is ahead of the real one. */
  setClock(clockOffset: number): void {
    if (this.#alive) this.#child.send({ clockOffset } satisfies ClockMessage, () => undefined);
  }

  /** Ends the process at once; an invocation under way answers with `exit`. */
  kill(): void {
    this.#alive = false;
    this.#child.kill("SIGKILL");
  }

  #nextAnswer(): Promise<Answer> {
    return new Promise((resolve) => {
      this.#waiting = { resolve, drained: false };
    });
  }

  /** An answer is complete when both its message and the output before it have arrived. */
  #settle(answer: Answer | undefined, drained = false): void {
    const waiting = this.#waiting;
    if (!waiting) return;
    waiting.answer ??= answer;
    waiting.drained ||= drained;
    if (!waiting.answer || !waiting.drained) return;
    this.#waiting = undefined;
    if (waiting.answer.kind === "fatal") this.#alive = false;
    waiting.resolve(waiting.answer);
  }

  #exited(code: number | null, signal: NodeJS.Signals | null): void {
    const died = () => this.#died(this.#exitReason(code, signal));
    const timer = setTimeout(died, DRAIN_MS);
    this.#child.once("close", () => {
      clearTimeout(timer);
      died();
    });
  }

  #died(reason: string): void {
    this.#alive = false;
    this.#settle({ kind: "exit", reason }, true);
  }

  #exitReason(code: number | null, signal: NodeJS.Signals | null): string {
    // V8 aborts where Lambda's memory limit kills.
    const name = this.#outOfMemory ? "killed" : signal ? (SIGNALS[signal] ?? signal) : undefined;
    if (name) return `Runtime exited with error: signal: ${name}`;
    return code ? `Runtime exited with error: exit status ${code}` : "Runtime exited without providing a reason";
  }

  #readFrames(): void {
    readLines(this.#child.stdout, (line) => {
      if (line.startsWith(FRAME + LOG)) {
        const space = line.indexOf(" ");
        this.#onLog(JSON.parse(line.slice(space + 1)), Number(line.slice(2, space)));
      } else if (line.startsWith(FRAME + END)) {
        this.#maxRss = Number(line.slice(2));
        this.#settle(undefined, true);
      } else if (line) this.#onLog(line, Date.now());
    });
  }

  #readErrors(): void {
    readLines(this.#child.stderr, (line) => {
      this.#outOfMemory ||= line.includes("heap out of memory");
      if (line) this.#onLog(line, Date.now());
    });
  }
}

/** Calls `onLine` for each line; a frame begins a line of its own even after an unfinished one. */
function readLines(stream: NodeJS.ReadableStream | null, onLine: (line: string) => void): void {
  let rest = "";
  stream?.setEncoding("utf8");
  stream?.on("data", (chunk: string) => {
    const lines = (rest + chunk).split(/\n|(?<=[^\n])(?=\0)/);
    rest = lines.pop() ?? "";
    for (const line of lines) onLine(line);
  });
  stream?.on("end", () => {
    if (rest) onLine(rest);
    rest = "";
  });
}
