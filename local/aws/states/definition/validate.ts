import { isObject } from "../json.ts";
import { validateGroup } from "./groups.ts";
import { below, type Diagnostic, type Place, refuse } from "./report.ts";
import type { MachineDefinition, MachineType } from "./types.ts";
import { anything, literalNumber, text } from "./values.ts";

export interface ValidationOptions {
  readonly type: MachineType;
  /** One sentence when a Task's resource cannot be run; `undefined` when it can. */
  readonly resourceProblem: (resource: string, machineType: MachineType) => string | undefined;
}

export interface Validation {
  readonly diagnostics: readonly Diagnostic[];
  /** Present when there is no diagnostic of severity ERROR. */
  readonly definition?: MachineDefinition;
}

const MACHINE_FIELDS = new Set(["Comment", "QueryLanguage", "StartAt", "States", "TimeoutSeconds", "Version"]);
const JSONATA_ONLY =
  "The local twin runs JSONata only: set 'QueryLanguage' to 'JSONata' (without it the language is JSONPath)";

/**
 * Parses a definition and judges all of it; never throws.
 * https://docs.aws.amazon.com/step-functions/latest/apireference/API_ValidateStateMachineDefinition.html
 */
export function validateDefinition(definition: string, options: ValidationOptions): Validation {
  const findings: Diagnostic[] = [];
  const place: Place = {
    findings,
    location: "/",
    machineType: options.type,
    resourceProblem: options.resourceProblem,
    outerVariables: new Set(),
    levelVariables: new Set(),
    stateNames: new Set(),
    labels: new Set(),
  };
  const machine = parse(definition, findings);
  if (machine && checkLanguage(machine, place)) checkMachine(machine, place);
  const failed = findings.some(({ severity }) => severity === "ERROR");
  return { diagnostics: findings, ...(failed ? {} : { definition: machine as unknown as MachineDefinition }) };
}

/** The diagnostics as the text of an InvalidDefinition error. */
export function invalidDefinitionMessage(diagnostics: readonly Diagnostic[]): string {
  const lines = diagnostics
    .filter(({ severity }) => severity === "ERROR")
    .map(({ code, message, location }) => `${code}: ${message}${location ? ` at ${location}` : ""}`);
  return `Invalid State Machine Definition: '${lines.join(", ")}'`;
}

function parse(definition: string, findings: Diagnostic[]): Record<string, unknown> | undefined {
  if (definition.trim() === "") {
    const message = "Definition must be a valid JSON object";
    findings.push({ severity: "ERROR", code: "SCHEMA_VALIDATION_FAILED", message });
    return undefined;
  }
  try {
    const machine: unknown = JSON.parse(definition);
    if (isObject(machine)) return machine;
    findings.push({
      severity: "ERROR",
      code: "SCHEMA_VALIDATION_FAILED",
      message: "Definition must be a valid JSON object",
    });
  } catch (cause) {
    findings.push({ severity: "ERROR", code: "INVALID_JSON_DESCRIPTION", message: (cause as Error).message });
  }
  return undefined;
}

function checkMachine(machine: Record<string, unknown>, place: Place): void {
  for (const name of Object.keys(machine))
    if (!MACHINE_FIELDS.has(name)) refuse(below(place, name), `Field '${name}' is not supported`);
  const { QueryLanguage: _, TimeoutSeconds: timeout, Version: version, Comment: comment, ...rest } = machine;
  if (timeout !== undefined) literalNumber(1, 99_999_999)(timeout, below(place, "TimeoutSeconds"));
  if (version !== undefined) text(version, below(place, "Version"));
  (comment === undefined ? anything : text)(comment, below(place, "Comment"));
  const { StartAt, States } = rest;
  validateGroup({ ...(StartAt === undefined ? {} : { StartAt }), ...(States === undefined ? {} : { States }) }, place);
}

/** True when every state speaks JSONata; says where one does not. */
function checkLanguage(machine: Record<string, unknown>, place: Place): boolean {
  const language = machine.QueryLanguage ?? "JSONPath";
  if (language !== "JSONata" && language !== "JSONPath")
    refuse(below(place, "QueryLanguage"), "Expected one of JSONata, JSONPath");
  if (!isObject(machine.States)) return true;
  const before = place.findings.length;
  eachState(machine.States, below(place, "States"), (state, at) => {
    const own = state.QueryLanguage;
    if (language === "JSONata" && own === "JSONPath")
      refuse(at, "'QueryLanguage' can not be 'JSONPath' if set to 'JSONata' for whole state machine");
    else if ((own ?? language) !== "JSONata") refuse(at, JSONATA_ONLY);
  });
  if (language === "JSONPath" && place.findings.length > before && machine.QueryLanguage !== "JSONata") {
    // One sentence for the machine is enough; the states only repeat it.
    place.findings.length = before;
    refuse(place, JSONATA_ONLY);
  }
  return place.findings.length === before;
}

function eachState(
  states: Record<string, unknown>,
  place: Place,
  see: (state: Record<string, unknown>, place: Place) => void,
): void {
  for (const [name, state] of Object.entries(states)) {
    if (!isObject(state)) continue;
    const at = below(place, name);
    see(state, at);
    const groups = [...(Array.isArray(state.Branches) ? state.Branches : []), state.ItemProcessor];
    for (const group of groups)
      if (isObject(group) && isObject(group.States)) eachState(group.States, below(at, "States"), see);
  }
}
