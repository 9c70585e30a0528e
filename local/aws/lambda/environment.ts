import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Clock } from "../kernel/clock.ts";
import type { Kernel } from "../kernel/kernel.ts";
import type { Principal } from "../kernel/service.ts";
import type { ErrorPayload } from "./bootstrap/protocol.ts";
import { COMPILE_CACHE, WORK_FOLDER } from "./code.ts";
import { LogStream } from "./logs.ts";
import { type Answer, FunctionProcess } from "./process.ts";
import { endLines, initLine, startLines } from "./report.ts";
import type { FunctionVersion, Invocation } from "./types.ts";
import { logStreamName, type VariableSources, variablesOf } from "./variables.ts";

/** https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html */
const MAX_RESPONSE_BYTES = 6_291_556;
const TAIL_BYTES = 4096;

/** How an invocation ended: with a payload, which is an error payload when `error` is set. */
export interface Outcome {
  /** JSON text. */
  readonly payload: string;
  readonly error?: ErrorPayload;
  readonly durationMs: number;
  /** Set on the first invocation after a cold start. */
  readonly initMs?: number;
  /** The last 4 KB of the invocation's log. */
  readonly logTail: string;
}

type Phase = { readonly answer: Answer | undefined; readonly ms: number };

/**
 * An execution environment: one process at a time, its log stream, its credentials and its ephemeral storage.
 * A process that dies is replaced at the next invocation; the ephemeral storage outlives it.
 * https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html
 */
export class Environment {
  readonly fn: FunctionVersion;
  readonly #initLimitMs: number;
  readonly #logs: LogStream;
  readonly #sources: VariableSources;
  readonly #ignoreKernel: () => void;
  readonly #clock: Clock;
  #process: FunctionProcess | undefined;
  #initMs: number | undefined;
  #maxMemory = 0;
  #stopped = false;
  #tail: string[] | undefined;

  /** @throws AwsError when the function's role cannot be assumed */
  constructor(kernel: Kernel, fn: FunctionVersion, initLimitMs: number) {
    this.fn = fn;
    this.#initLimitMs = initLimitMs;
    const session = kernel.identities.assume(fn.role, "lambda.amazonaws.com", fn.name);
    const logStream = logStreamName(fn.version, kernel.clock.now());
    this.#logs = new LogStream(kernel, session.principal, fn.logging.group, logStream);
    const onCrash = (caller: Principal) => {
      if (this.#tail && caller.arn === session.principal.arn) this.#process?.kill();
    };
    kernel.on("crash", onCrash);
    const ignoreAdvances = kernel.clock.onAdvance(() => this.#process?.setClock(kernel.clock.offset));
    this.#ignoreKernel = () => {
      kernel.off("crash", onCrash);
      ignoreAdvances();
    };
    this.#clock = kernel.clock;
    mkdirSync(WORK_FOLDER, { recursive: true, mode: 0o700 });
    this.#sources = {
      credentials: session,
      logStream,
      origin: kernel.origin,
      daemonAddress: kernel.daemonAddress,
      scratch: mkdtempSync(join(WORK_FOLDER, "tmp-")),
      compileCache: COMPILE_CACHE,
    };
  }

  /** The init phase of a cold start. A failure shows only in the log: the first invocation repeats it. */
  async initialize(): Promise<void> {
    const { answer, ms } = await this.#startProcess(this.#initLimitMs);
    this.#initMs = ms;
    if (answer?.kind === "ready") return;
    this.#discardProcess();
    this.#log(initLine(this.fn, ms, answer ? "error" : "timeout", Date.now()));
  }

  /** Runs one invocation to its end; never rejects. */
  async invoke(invocation: Invocation): Promise<Outcome> {
    this.#tail = [];
    for (const line of startLines(this.fn, invocation.requestId, Date.now())) this.#log(line);
    const begun = performance.now();
    const answer = await this.#run(invocation, Date.now() + this.fn.timeout * 1000);
    const durationMs = performance.now() - begun;
    const { payload, error } = this.#conclude(invocation, answer);
    const initMs = this.#initMs;
    this.#initMs = undefined;
    this.#report(invocation, { durationMs, initMs, error, timedOut: answer === undefined });
    const logTail = Buffer.from(this.#tail.join("\n")).subarray(-TAIL_BYTES).toString();
    this.#tail = undefined;
    if (!this.#process?.alive) this.#discardProcess();
    void this.#logs.flush();
    return { payload, durationMs, logTail, ...(error ? { error } : {}), ...(initMs === undefined ? {} : { initMs }) };
  }

  /** Ends the process, sends the last log lines and removes the ephemeral storage. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#ignoreKernel();
    this.#discardProcess();
    await this.#logs.close();
    rmSync(this.#sources.scratch, { recursive: true, force: true });
  }

  /** `undefined` when the deadline (epoch milliseconds) passed first; the process is gone then. */
  async #run(invocation: Invocation, deadline: number): Promise<Answer | undefined> {
    if (!this.#process?.alive) {
      const { answer } = await this.#startProcess(deadline - Date.now());
      if (answer?.kind !== "ready") {
        this.#discardProcess();
        return answer;
      }
    }
    const { requestId, functionArn, traceId, payload, clientContext } = invocation;
    const message = { requestId, functionArn, traceId, payload, deadline, ...(clientContext ? { clientContext } : {}) };
    const answer = await withLimit(this.#process?.invoke(message), deadline - Date.now());
    if (!answer) this.#discardProcess();
    return answer;
  }

  async #startProcess(limitMs: number): Promise<Phase> {
    const begun = performance.now();
    if (this.#stopped) return { answer: { kind: "exit", reason: "The twin is stopping" }, ms: 0 };
    const process = new FunctionProcess({
      env: variablesOf(this.fn, this.#sources),
      cwd: this.fn.code.folder,
      memorySize: this.fn.memorySize,
      onLog: (message, at) => this.#log(message, at),
    });
    this.#process = process;
    const answer = await withLimit(process.initialised, limitMs);
    // A process hears nothing before it is ready.
    if (this.#clock.offset !== 0) process.setClock(this.#clock.offset);
    return { answer, ms: performance.now() - begun };
  }

  #discardProcess(): void {
    this.#maxMemory = this.#process?.maxMemory ?? this.#maxMemory;
    this.#process?.kill();
    this.#process = undefined;
  }

  #conclude({ requestId }: Invocation, answer: Answer | undefined): { payload: string; error?: ErrorPayload } {
    if (answer?.kind === "result" && Buffer.byteLength(answer.payload) <= MAX_RESPONSE_BYTES)
      return { payload: answer.payload };
    const error = this.#errorOf(requestId, answer);
    return { payload: JSON.stringify(error), error };
  }

  #errorOf(requestId: string, answer: Answer | undefined): ErrorPayload {
    const platform = (errorType: string, text: string) => ({
      errorType,
      errorMessage: `RequestId: ${requestId} Error: ${text}`,
    });
    if (!answer) return platform("Sandbox.Timedout", `Task timed out after ${this.fn.timeout.toFixed(2)} seconds`);
    if (answer.kind === "exit") return platform("Runtime.ExitError", answer.reason);
    if (answer.kind === "result")
      return {
        errorType: "Function.ResponseSizeTooLarge",
        errorMessage: `Response payload size exceeded maximum allowed payload size (${MAX_RESPONSE_BYTES} bytes).`,
      };
    if (answer.kind === "ready") throw new Error("The runtime answered an invocation with 'ready'.");
    return answer.error;
  }

  #report(
    { requestId, traceId }: Invocation,
    run: { durationMs: number; initMs: number | undefined; error: ErrorPayload | undefined; timedOut: boolean },
  ): void {
    const now = Date.now();
    if (run.timedOut)
      this.#log(
        `${new Date(now).toISOString()} ${requestId} Task timed out after ${this.fn.timeout.toFixed(2)} seconds`,
      );
    const platformError = run.error?.errorType.startsWith("Runtime.") ? { errorType: run.error.errorType } : {};
    const lines = endLines(
      this.fn,
      {
        requestId,
        traceId,
        durationMs: run.durationMs,
        maxMemory: this.#process?.maxMemory ?? this.#maxMemory,
        status: run.timedOut ? "timeout" : "errorType" in platformError ? "error" : "success",
        ...platformError,
        ...(run.initMs === undefined ? {} : { initMs: run.initMs }),
      },
      now,
    );
    for (const line of lines) this.#log(line, now);
  }

  #log(message: string, at = Date.now()): void {
    this.#tail?.push(message);
    this.#logs.add(message, at);
  }
}

/** Resolves with `undefined` when `work` takes longer than `ms` (real time). */
async function withLimit<T>(work: Promise<T> | undefined, ms: number): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<undefined>((resolve) => {
    timer = setTimeout(resolve, Math.max(0, ms), undefined);
  });
  try {
    return await Promise.race([work, limit]);
  } finally {
    clearTimeout(timer);
  }
}
