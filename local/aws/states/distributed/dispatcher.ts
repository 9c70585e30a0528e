import { AwsError } from "../../kernel/errors.ts";
import { Interruption, StateError } from "../errors.ts";
import type { Execution } from "../execution.ts";
import type { Run } from "../interpreter/frame.ts";
import type { MapRun } from "./map-run.ts";

/** Runs the open children of a Map Run, as many at once as its limit allows at the moment. */
export class Dispatcher {
  readonly #run: Run;
  readonly #mapRun: MapRun;
  readonly #signal: AbortSignal;
  readonly #traceHeader: string | undefined;
  readonly #active = new Map<number, Execution>();
  readonly #done = Promise.withResolvers<void>();
  #next = 0;
  #stopping = false;
  #failure: unknown;

  constructor(run: Run, mapRun: MapRun, signal: AbortSignal, traceHeader: string | undefined) {
    this.#run = run;
    this.#mapRun = mapRun;
    this.#signal = signal;
    this.#traceHeader = traceHeader;
  }

  /**
   * Resolves when all children have ended.
   * @throws StateError `States.ExceedToleratedFailureThreshold`, `States.Permissions`; the reason of the signal
   */
  async dispatch(): Promise<void> {
    const interrupted = () => this.#stop(this.#isShutdown() ? undefined : new Interruption("stopped"));
    this.#signal.addEventListener("abort", interrupted, { once: true });
    this.#mapRun.changed = () => this.#pump();
    try {
      if (this.#signal.aborted) interrupted();
      else this.#judge();
      this.#pump();
      await this.#done.promise;
    } finally {
      this.#signal.removeEventListener("abort", interrupted);
      this.#mapRun.changed = () => undefined;
    }
    this.#signal.throwIfAborted();
    if (this.#failure) throw this.#failure;
  }

  #pump(): void {
    while (!this.#stopping && this.#active.size < this.#mapRun.concurrency && this.#next < this.#mapRun.size) {
      const index = this.#next++;
      if (this.#mapRun.isOpen(index)) this.#start(index);
    }
    const exhausted = this.#stopping || this.#next >= this.#mapRun.size;
    if (exhausted && this.#active.size === 0) this.#done.resolve();
  }

  #start(index: number): void {
    try {
      const child = this.#open(index);
      this.#active.set(index, child);
      this.#mapRun.started(index);
      void child.finished.then(() => this.#ended(index, child));
    } catch (cause) {
      this.#fail(cause instanceof AwsError ? new StateError("States.Permissions", cause.message) : cause);
    }
  }

  /** A child that runs already, one that failed before, or a new one. */
  #open(index: number): Execution {
    const { children, kernel, principal } = this.#run;
    const { machine } = this.#mapRun.record;
    const arn = this.#mapRun.childArn(index);
    const running = children.find(arn);
    if (running) return running;
    const failed = machine.type === "STANDARD" ? this.#mapRun.endedChild(index) : undefined;
    if (failed) {
      kernel.identities.authorize(principal(), { action: "states:RedriveExecution", resource: arn });
      return children.redriveChild(failed);
    }
    return children.startChild({
      arn,
      name: this.#mapRun.childName(index),
      machine,
      mapRunArn: this.#mapRun.arn,
      input: this.#mapRun.spool.input(index),
      traceHeader: this.#traceHeader,
    });
  }

  #ended(index: number, child: Execution): void {
    this.#active.delete(index);
    if (this.#isShutdown() || child.record.status === "RUNNING") this.#mapRun.paused(index);
    else {
      this.#mapRun.ended(index, child.record);
      this.#run.children.releaseChild(child.record.arn);
      this.#judge();
    }
    this.#pump();
  }

  #judge(): void {
    if (this.#stopping || !this.#mapRun.exceeded()) return;
    const cause = "The specified tolerated failure threshold was exceeded";
    this.#fail(new StateError("States.ExceedToleratedFailureThreshold", cause));
  }

  #fail(failure: unknown): void {
    this.#failure = failure;
    this.#stop(new Interruption("stopped"));
  }

  /** Starts no more children and ends those that run; at a shutdown they are ended by their own owner. */
  #stop(reason: Interruption | undefined): void {
    this.#stopping = true;
    if (!reason) return;
    for (const child of this.#active.values()) void child.interrupt(reason);
  }

  #isShutdown(): boolean {
    const { reason } = this.#signal;
    return reason instanceof Interruption && reason.kind === "shutdown";
  }
}
