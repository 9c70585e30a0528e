import { randomUUID } from "node:crypto";
import { EventEmitter } from "node:events";
import type { Clock } from "./clock.ts";
import { AwsError, CutConnection } from "./errors.ts";
import type { Identities } from "./identities.ts";
import { ACCOUNT } from "./names.ts";
import type { CallContext, Measurement, Principal, SegmentDocument, Service } from "./service.ts";

/** One finished call, as `npm start` prints it and tests watch it. */
export interface Activity {
  readonly at: number;
  readonly ms: number;
  readonly service: string;
  readonly operation: string;
  readonly principal: Principal;
  readonly resource?: string;
  readonly traceHeader?: string;
  readonly error?: string;
}

/** A failure to inject: the next `times` matching calls answer with `error` (or are delayed by `delayMs`). */
export interface Fault {
  readonly service: string;
  readonly operation: string;
  /** Substring of the resource ARN; absent matches all. */
  readonly resource?: string;
  /** Asked of each call that the rest fits, with the ARN of its resource; absent matches all. */
  readonly when?: (principal: Principal, resource: string) => boolean;
  times: number;
  readonly error?: AwsError;
  readonly delayMs?: number;
  /** Cut the connection instead of answering. */
  readonly cut?: boolean;
  /** Run the operation a second time: the caller hears of the first. */
  readonly repeat?: boolean;
  /** Fail only after the operation ran: the work is done, the caller does not know. */
  readonly afterEffect?: boolean;
  /** Kill the function that makes the call. */
  readonly crash?: boolean;
}

/** A function begins, or ends, to work at messages of a queue. */
export interface AtWork {
  readonly queueArn: string;
  readonly messageIds: readonly string[];
  readonly begins: boolean;
}

export const ADMINISTRATOR: Principal = { kind: "administrator", arn: `arn:aws:iam::${ACCOUNT}:root` };

/** Where all services meet: every call, from the wire or from another service, is authorised and run here. */
export class Kernel extends EventEmitter<{
  activity: [Activity];
  segment: [SegmentDocument];
  measurement: [Measurement];
  crash: [Principal];
  working: [AtWork];
}> {
  readonly clock: Clock;
  readonly identities: Identities;
  /** `http://127.0.0.1:<port>`, known once the gateway listens. */
  origin = "";
  /** `127.0.0.1:<port>` of the X-Ray daemon (UDP), known once the xray service has started. */
  daemonAddress = "";
  readonly faults: Fault[] = [];
  readonly #services = new Map<string, Service>();
  /** Calls under way, by service and operation. */
  readonly #underWay = new Map<string, number>();

  constructor(clock: Clock, identities: Identities) {
    super();
    this.clock = clock;
    this.identities = identities;
    this.setMaxListeners(0);
  }

  register(service: Service): void {
    this.#services.set(service.name, service);
  }

  services(): readonly Service[] {
    return [...this.#services.values()];
  }

  service(name: string): Service {
    const service = this.#services.get(name);
    if (!service) throw new AwsError("UnknownService", `The twin has no service '${name}'.`, { status: 404 });
    return service;
  }

  /** Hands a segment document to X-Ray, as the AWS services themselves do. */
  record(segment: SegmentDocument): void {
    this.emit("segment", segment);
  }

  /** Tells CloudWatch what happened now, as the AWS services themselves do. */
  measure(namespace: string, dimensions: Measurement["dimensions"], values: Measurement["values"]): void {
    this.emit("measurement", { namespace, dimensions, values });
  }

  /** How many calls of an operation have not ended yet. */
  underWay(service: string, operation: string): number {
    return this.#underWay.get(`${service}:${operation}`) ?? 0;
  }

  /**
   * Calls an operation as `context.principal`.
   * @throws AwsError `AccessDeniedException` when IAM says no, `UnknownOperationException` when there is no such call,
   * and whatever the operation itself throws.
   */
  // biome-ignore lint/suspicious/noExplicitAny: the caller knows the operation's output
  async call<Output = any>(
    serviceName: string,
    operationName: string,
    input: unknown,
    context: Partial<CallContext> & { readonly principal: Principal },
  ): Promise<Output> {
    const service = this.service(serviceName);
    const operation = Object.hasOwn(service.operations, operationName) ? service.operations[operationName] : undefined;
    if (!operation)
      throw new AwsError("UnknownOperationException", `The twin does not implement ${serviceName}:${operationName}.`);
    const full: CallContext = { requestId: randomUUID(), ...context };
    const at = this.clock.now();
    let resource: string | undefined;
    let error: string | undefined;
    this.#count(serviceName, operationName, 1);
    try {
      const accesses = operation.access(input, full);
      resource = accesses[0]?.resource;
      for (const access of accesses) this.identities.authorize(full.principal, access);
      const fault = this.#takeFault(serviceName, operationName, full.principal, resource);
      if (fault && !fault.afterEffect) await this.#strike(fault, full.principal);
      const output = await operation.run(input, full);
      if (fault?.repeat) await operation.run(input, full);
      if (fault?.afterEffect) await this.#strike(fault, full.principal);
      return output as Output;
    } catch (cause) {
      error = cause instanceof Error ? `${cause.name}: ${cause.message}` : String(cause);
      throw cause;
    } finally {
      this.#count(serviceName, operationName, -1);
      this.emit("activity", {
        at,
        ms: this.clock.now() - at,
        service: serviceName,
        operation: operationName,
        principal: full.principal,
        ...(resource ? { resource } : {}),
        ...(full.traceHeader ? { traceHeader: full.traceHeader } : {}),
        ...(error ? { error } : {}),
      });
    }
  }

  async #strike({ delayMs, crash, error, cut }: Fault, principal: Principal): Promise<void> {
    if (delayMs) await this.clock.sleep(delayMs);
    if (crash) this.emit("crash", principal);
    if (error) throw error;
    if (cut) throw new CutConnection();
  }

  #count(service: string, operation: string, by: number): void {
    this.#underWay.set(`${service}:${operation}`, this.underWay(service, operation) + by);
  }

  #takeFault(service: string, operation: string, principal: Principal, resource = ""): Fault | undefined {
    const fault = this.faults.find(
      (f) =>
        f.times > 0 &&
        f.service === service &&
        f.operation === operation &&
        resource.includes(f.resource ?? "") &&
        (f.when?.(principal, resource) ?? true),
    );
    if (fault) fault.times -= 1;
    return fault;
  }
}
