import type { MachineType } from "./types.ts";

/** One finding of the validation, as ValidateStateMachineDefinition answers it. */
export interface Diagnostic {
  readonly severity: "ERROR" | "WARNING";
  /** https://docs.aws.amazon.com/step-functions/latest/apireference/API_ValidateStateMachineDefinitionDiagnostic.html */
  readonly code: DiagnosticCode;
  readonly message: string;
  readonly location?: string;
}

export type DiagnosticCode =
  | "INVALID_JSON_DESCRIPTION"
  | "SCHEMA_VALIDATION_FAILED"
  | "INVALID_RESOURCE"
  | "MISSING_END_STATE"
  | "MISSING_TRANSITION_TARGET"
  | "DUPLICATE_STATE_NAME"
  | "INVALID_STATE_NAME"
  | "TOO_DEEPLY_NESTED";

/** Where a check stands in the definition, and what it must know to judge. */
export interface Place {
  readonly findings: Diagnostic[];
  /** Such as `/States/Charge/Retry[0]`. */
  readonly location: string;
  readonly machineType: MachineType;
  /** One sentence when the resource of a Task is not runnable. */
  readonly resourceProblem: (resource: string, machineType: MachineType) => string | undefined;
  /** Variables of the enclosing levels, which an inner Assign may not name again. */
  readonly outerVariables: ReadonlySet<string>;
  /** The outer variables and those of this level: what is outer to a nested level. */
  readonly levelVariables: ReadonlySet<string>;
  /** Names of all states seen so far in the whole machine. */
  readonly stateNames: Set<string>;
  /** Labels of all distributed Maps seen so far. */
  readonly labels: Set<string>;
}

export function below(place: Place, path: string): Place {
  return {
    ...place,
    location: place.location === "/" ? `/${path}` : `${place.location}${path.startsWith("[") ? "" : "/"}${path}`,
  };
}

export function refuse(place: Place, message: string, code: DiagnosticCode = "SCHEMA_VALIDATION_FAILED"): void {
  place.findings.push({ severity: "ERROR", code, message, location: place.location });
}

export function warn(place: Place, message: string): void {
  place.findings.push({ severity: "WARNING", code: "SCHEMA_VALIDATION_FAILED", message, location: place.location });
}
