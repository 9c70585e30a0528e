import type { SegmentDocument } from "../../kernel/service.ts";
import { durationOf, narrow, type ServiceKey, type TraceView } from "../view.ts";
import type { Comparison, Expression, Value } from "./parse.ts";

/** Whether a trace (or the part of it that belongs to one service) passes a filter expression. */
export function evaluate(expression: Expression, view: TraceView): boolean {
  switch (expression.kind) {
    case "and":
      return evaluate(expression.left, view) && evaluate(expression.right, view);
    case "or":
      return evaluate(expression.left, view) || evaluate(expression.right, view);
    case "not":
      return !evaluate(expression.inner, view);
    case "service":
      return ofService(expression, view);
    case "annotation":
      return some(annotationValues(view, expression.key), expression.comparison);
    case "keyword":
      return keyword(expression.name, expression.comparison, view);
  }
}

function ofService({ name, type, inner }: Expression & { kind: "service" }, view: TraceView): boolean {
  const matches = (service: ServiceKey) =>
    (name === undefined || service.name === name) && (type === undefined || service.type === type);
  const part = narrow(view, matches);
  return part.nodes.length > 0 && (inner === undefined || evaluate(inner, part));
}

function keyword(name: string, comparison: Comparison | undefined, view: TraceView): boolean {
  const flag = FLAGS[name]?.(view.documents);
  if (flag !== undefined) return comparison ? compare(flag, comparison) : flag;
  return some(valuesOf(name, view), comparison);
}

const FLAGS: Readonly<Record<string, (documents: readonly SegmentDocument[]) => boolean>> = {
  fault: (documents) => documents.some(({ fault }) => fault === true),
  error: (documents) => documents.some(({ error }) => error === true),
  throttle: (documents) => documents.some(({ throttle }) => throttle === true),
  partial: (documents) => documents.some(({ in_progress }) => in_progress === true),
  ok: (documents) => !documents.some(({ fault, error, throttle }) => fault || error || throttle),
};

function valuesOf(name: string, view: TraceView): readonly unknown[] {
  const { documents, nodes, root } = view;
  const http = (part: "request" | "response", member: string) =>
    documents.map((document) => (document.http as Http | undefined)?.[part]?.[member]);
  switch (name) {
    case "duration":
      return [durationOf(documents)];
    case "responsetime":
      return root?.end_time === undefined ? [] : [root.end_time - root.start_time];
    case "http.status":
      return http("response", "status");
    case "http.url":
      return http("request", "url");
    case "http.method":
      return http("request", "method");
    case "http.useragent":
      return http("request", "user_agent");
    case "http.clientip":
      return http("request", "client_ip");
    case "user":
      return documents.map(({ user }) => user);
    case "name":
      return nodes.map(({ service }) => service.name);
    case "type":
      return nodes.map(({ service }) => service.type);
    default:
      throw new Error(`The filter language has no keyword '${name}'.`);
  }
}

type Http = Readonly<Record<"request" | "response", Readonly<Record<string, unknown>> | undefined>>;

function annotationValues({ nodes }: TraceView, key: string): unknown[] {
  return nodes.map(({ document }) => {
    const annotations = document.annotations as Record<string, unknown> | undefined;
    return annotations && Object.hasOwn(annotations, key) ? annotations[key] : undefined;
  });
}

/** `!=` means that a value is there and is another one. */
function some(values: readonly unknown[], comparison: Comparison | undefined): boolean {
  return values.some((value) => value !== undefined && (!comparison || compare(value as Value, comparison)));
}

function compare(actual: Value, { operator, value }: Comparison): boolean {
  if (operator === "=") return actual === value;
  if (operator === "!=") return actual !== value;
  if (typeof actual === "number" && typeof value === "number") return compareNumbers(actual, operator, value);
  if (typeof actual !== "string" || typeof value !== "string") return false;
  if (operator === "CONTAINS") return actual.includes(value);
  if (operator === "BEGINSWITH") return actual.startsWith(value);
  return operator === "ENDSWITH" && actual.endsWith(value);
}

function compareNumbers(actual: number, operator: string, value: number): boolean {
  if (operator === "<") return actual < value;
  if (operator === "<=") return actual <= value;
  if (operator === ">") return actual > value;
  return operator === ">=" && actual >= value;
}
