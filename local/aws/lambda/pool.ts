import type { Environment } from "./environment.ts";
import type { FunctionVersion } from "./types.ts";

export interface PoolOptions {
  /** Makes an environment whose process has not started yet. */
  readonly create: (fn: FunctionVersion) => Environment;
  /** Cold starts at the same time; more than there are processors only slows all of them down. */
  readonly maxStarting: number;
  /** Environments alive at the same time, idle ones included. */
  readonly maxEnvironments: number;
  /** Environments of one function that are started without hesitation. */
  readonly eager: number;
  /** Real milliseconds to wait for one of them to become free before starting another: about a cold start. */
  readonly patienceMs: number;
  /** Real milliseconds after which an unused environment ends. */
  readonly idleMs: number;
}

interface Waiter {
  readonly fn: FunctionVersion;
  readonly since: number;
  resolve(environment: Environment): void;
  reject(error: unknown): void;
}

interface Idle {
  readonly environment: Environment;
  readonly timer: NodeJS.Timeout;
}

/**
 * The environments of all functions. A free environment of the function is reused, the most recently used first;
 * otherwise one is started while the caller waits, and whichever becomes free first serves the longest waiter.
 */
export class Pool {
  readonly #options: PoolOptions;
  /** Oldest first. */
  readonly #idle: Idle[] = [];
  readonly #waiters: Waiter[] = [];
  readonly #starting: FunctionVersion[] = [];
  readonly #live = new Set<Environment>();
  readonly #retired = new WeakSet<FunctionVersion>();
  readonly #endings = new Map<Environment, PromiseWithResolvers<void>>();
  readonly #stopping = new Set<Promise<void>>();
  #stopped = false;

  constructor(options: PoolOptions) {
    this.#options = options;
  }

  /** An initialised environment of the function, which the caller must release. */
  acquire(fn: FunctionVersion): Promise<Environment> {
    if (this.#stopped) return Promise.reject(new Error("The twin is stopping."));
    const index = this.#idle.findLastIndex(({ environment }) => environment.fn === fn);
    const [idle] = index < 0 ? [] : this.#idle.splice(index, 1);
    if (idle) {
      clearTimeout(idle.timer);
      return Promise.resolve(idle.environment);
    }
    return new Promise((resolve, reject) => {
      this.#waiters.push({ fn, since: performance.now(), resolve, reject });
      this.#pump();
      setTimeout(() => this.#pump(), this.#options.patienceMs).unref();
    });
  }

  /** Gives an environment back: to the longest waiter of its function, or to the idle ones. */
  release(environment: Environment): void {
    const waiter = this.#takeWaiter(environment.fn);
    if (waiter) waiter.resolve(environment);
    else if (this.#stopped || this.#retired.has(environment.fn)) this.#end(environment);
    else {
      const timer = setTimeout(() => this.#reap(environment), this.#options.idleMs).unref();
      this.#idle.push({ environment, timer });
    }
    this.#pump();
  }

  /** Ends the environments of a configuration that was replaced; busy ones end when released. */
  retire(fn: FunctionVersion): void {
    this.#retired.add(fn);
    for (const { environment } of this.#idle.filter((idle) => idle.environment.fn === fn)) this.#reap(environment);
  }

  /** Resolves when no environment of the function is left; those that were not retired would keep it waiting. */
  async ended(name: string): Promise<void> {
    const left = [...this.#endings].filter(([{ fn }]) => fn.name === name);
    await Promise.all(left.map(([, ended]) => ended.promise));
  }

  /** Ends every environment, busy or not; resolves when the last log lines are sent. */
  async stop(): Promise<void> {
    this.#stopped = true;
    for (const { timer } of this.#idle.splice(0)) clearTimeout(timer);
    for (const waiter of this.#waiters.splice(0)) waiter.reject(new Error("The twin is stopping."));
    for (const environment of [...this.#live]) this.#end(environment);
    await Promise.all(this.#stopping);
  }

  #takeWaiter(fn: FunctionVersion): Waiter | undefined {
    const index = this.#waiters.findIndex((waiter) => waiter.fn === fn);
    return index < 0 ? undefined : this.#waiters.splice(index, 1)[0];
  }

  #reap(environment: Environment): void {
    const index = this.#idle.findIndex((idle) => idle.environment === environment);
    if (index < 0) return;
    const [idle] = this.#idle.splice(index, 1);
    clearTimeout(idle?.timer);
    this.#end(environment);
  }

  #end(environment: Environment): void {
    if (!this.#live.delete(environment)) return;
    const ended = environment.stop().finally(() => {
      this.#stopping.delete(ended);
      this.#endings.get(environment)?.resolve();
      this.#endings.delete(environment);
    });
    this.#stopping.add(ended);
  }

  /** Starts as many environments as waiters lack and the limits allow, in the order of waiting. */
  #pump(): void {
    for (const fn of new Set(this.#waiters.map((waiter) => waiter.fn))) {
      while (this.#startingOf(fn) < this.#wantedOf(fn)) {
        if (this.#starting.length >= this.#options.maxStarting || !this.#makeRoom()) return;
        this.#start(fn);
      }
    }
  }

  /** How many waiters of a function justify a cold start: those that have waited as long as one would take. */
  #wantedOf(fn: FunctionVersion): number {
    const { eager, patienceMs } = this.#options;
    const waiters = this.#waiters.filter((waiter) => waiter.fn === fn);
    const alive = [...this.#live].filter((environment) => environment.fn === fn).length;
    if (alive < eager) return waiters.length;
    const due = performance.now() - patienceMs;
    return waiters.filter(({ since }) => since <= due).length;
  }

  #startingOf(fn: FunctionVersion): number {
    return this.#starting.filter((starting) => starting === fn).length;
  }

  /** Whether one more environment fits, after ending the longest unused one if there are too many. */
  #makeRoom(): boolean {
    if (this.#live.size < this.#options.maxEnvironments) return true;
    const oldest = this.#idle[0];
    if (!oldest) return false;
    this.#reap(oldest.environment);
    return true;
  }

  #start(fn: FunctionVersion): void {
    let environment: Environment;
    try {
      environment = this.#options.create(fn);
    } catch (error) {
      this.#takeWaiter(fn)?.reject(error);
      return;
    }
    this.#live.add(environment);
    this.#endings.set(environment, Promise.withResolvers());
    this.#starting.push(fn);
    void environment.initialize().finally(() => {
      this.#starting.splice(this.#starting.indexOf(fn), 1);
      this.release(environment);
    });
  }
}
