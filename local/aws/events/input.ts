import { validation } from "./errors.ts";
import { compileJsonPath } from "./json-path.ts";
import type { BusEvent, Target } from "./model.ts";

/** What the predefined variables of a template stand for, beside the event. */
export interface DeliveryFacts {
  readonly ruleArn: string;
  readonly ruleName: string;
  /** When EventBridge took the event, real milliseconds since the epoch. */
  readonly ingestedAt: number;
}

const PLACEHOLDER = /<([A-Za-z0-9_.-]+)>/g;
const PREDEFINED = new Set([
  "aws.events.rule-arn",
  "aws.events.rule-name",
  "aws.events.event.ingestion-time",
  "aws.events.event.json",
  "aws.events.event",
]);
const MAXIMUM_VARIABLES = 100;

/**
 * Checks the input options of a target.
 * @throws AwsError `ValidationException`
 */
export function checkInput(target: Target): void {
  const { Id, Input, InputPath, InputTransformer } = target;
  if ([Input, InputPath, InputTransformer].filter((option) => option !== undefined).length > 1)
    throw validation(`Only one of Input, InputPath, or InputTransformer must be provided for target ${Id}.`);
  if (Input !== undefined && !isJson(Input)) throw validation(`JSON syntax error in input for target ${Id}.`);
  if (InputPath !== undefined) checkPath(Id, "InputPath", InputPath);
  if (!InputTransformer) return;
  const { InputPathsMap = {}, InputTemplate } = InputTransformer;
  const names = Object.keys(InputPathsMap);
  if (names.length > MAXIMUM_VARIABLES)
    throw validation(`InputPathsMap for target ${Id} has ${names.length} variables; at most 100 are allowed.`);
  for (const name of names) {
    if (name.startsWith("AWS.") || name.startsWith("aws."))
      throw validation(`InputPathsMap for target ${Id} contains the reserved name ${name}.`);
    checkPath(Id, `InputPathsMap.${name}`, InputPathsMap[name] as string);
  }
  for (const [, name = ""] of InputTemplate.matchAll(PLACEHOLDER))
    if (!PREDEFINED.has(name) && !names.includes(name))
      throw validation(`InputTemplate for target ${Id} contains invalid placeholder ${name}.`);
}

function checkPath(id: string, member: string, path: string): void {
  try {
    compileJsonPath(path);
  } catch (cause) {
    throw validation(`${member} for target ${id} is not a valid JSONPath: ${(cause as Error).message}.`);
  }
}

/**
 * What a target receives: the event, a constant, a part of the event, or a filled template.
 * https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-transform-target-input.html
 */
export function targetInput(target: Target, event: BusEvent, facts: DeliveryFacts): string {
  if (target.Input !== undefined) return target.Input;
  // AWS does not say what a path without a match delivers; null keeps the payload valid JSON.
  if (target.InputPath !== undefined) return JSON.stringify(compileJsonPath(target.InputPath)(event) ?? null);
  if (!target.InputTransformer) return JSON.stringify(event);
  const { InputPathsMap = {}, InputTemplate } = target.InputTransformer;
  return fillTemplate(InputTemplate, (name) => {
    const path = InputPathsMap[name];
    return path === undefined ? predefined(name, event, facts) : compileJsonPath(path)(event);
  });
}

/** Fills placeholders: outside quotes as JSON, inside quotes as bare text. */
function fillTemplate(template: string, lookUp: (name: string) => unknown): string {
  let filled = "";
  let at = 0;
  let quoted = false;
  for (const match of template.matchAll(PLACEHOLDER)) {
    const before = template.slice(at, match.index);
    quoted = quotedAfter(before, quoted);
    const value = lookUp(match[1] ?? "");
    filled += before + (quoted ? asText(value) : asJson(value));
    at = match.index + match[0].length;
  }
  return filled + template.slice(at);
}

function quotedAfter(text: string, quoted: boolean): boolean {
  const quotes = text.replaceAll(/\\./gs, "").split('"').length - 1;
  return quotes % 2 === 0 ? quoted : !quoted;
}

function asJson(value: unknown): string {
  return value === undefined ? '""' : JSON.stringify(value);
}

/** Inside quotes a string is inserted as it is, and an object loses its own quotes. */
function asText(value: unknown): string {
  if (value === undefined) return "";
  return typeof value === "string" ? value : JSON.stringify(value).replaceAll('"', "");
}

function predefined(name: string, event: BusEvent, facts: DeliveryFacts): unknown {
  switch (name) {
    case "aws.events.rule-arn":
      return facts.ruleArn;
    case "aws.events.rule-name":
      return facts.ruleName;
    case "aws.events.event.ingestion-time":
      return new Date(facts.ingestedAt).toISOString();
    case "aws.events.event.json":
      return event;
    case "aws.events.event": {
      const { id, account, time, source, region, resources, version } = event;
      return { id, account, detailType: event["detail-type"], time, source, region, resources, version };
    }
    default:
      return undefined;
  }
}

/** Whether a text is JSON of any kind. */
export function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
