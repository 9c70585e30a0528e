import { TemplateError } from "../kernel/errors.ts";
import type { ParameterDeclaration } from "./document.ts";

/** Reads a Systems Manager parameter by name. */
export type ReadSsm = (name: string) => Promise<string>;

const SSM_TYPE = /^AWS::SSM::Parameter::Value<(.+)>$/;

/**
 * The value of every parameter: the given one, or its default; checked against its constraints, and looked up in
 * Systems Manager where the type says so.
 * https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/parameters-section-structure.html
 * @throws TemplateError for a missing or refused value, an unknown type, or a given name that is not declared
 */
export async function resolveParameters(
  declared: Readonly<Record<string, ParameterDeclaration>>,
  given: Readonly<Record<string, string>>,
  readSsm: ReadSsm,
): Promise<ReadonlyMap<string, unknown>> {
  for (const name of Object.keys(given))
    if (!Object.hasOwn(declared, name))
      throw new TemplateError(name, "Parameters", "the template has no parameter of this name");
  const values = new Map<string, unknown>();
  for (const [name, declaration] of Object.entries(declared)) {
    const value = given[name] ?? declaration.Default;
    if (value === undefined) throw new TemplateError(name, "Parameters", "has no default and no value was given");
    const source = String(value);
    checkConstraints(name, declaration, source);
    const type = SSM_TYPE.exec(declaration.Type)?.[1];
    values.set(name, typed(name, type ?? declaration.Type, type ? await lookUp(name, source, readSsm) : source));
  }
  return values;
}

async function lookUp(parameter: string, name: string, readSsm: ReadSsm): Promise<string> {
  try {
    return await readSsm(name);
  } catch (cause) {
    throw new TemplateError(parameter, "Parameters", `Systems Manager has no parameter '${name}' (${String(cause)})`);
  }
}

function typed(name: string, type: string, value: string): unknown {
  if (type === "CommaDelimitedList" || /^List<.+>$/.test(type)) return value.split(",").map((item) => item.trim());
  if (type === "String" || type === "Number" || type === "AWS::SSM::Parameter::Name" || /^AWS::EC2::/.test(type))
    return value;
  throw new TemplateError(name, "Parameters.Type", `the twin does not support the type ${type}`);
}

function checkConstraints(name: string, declaration: ParameterDeclaration, value: string): void {
  const refuse = (problem: string): never => {
    throw new TemplateError(name, "Parameters", declaration.ConstraintDescription ?? problem);
  };
  const { AllowedValues, AllowedPattern, MinLength, MaxLength, MinValue, MaxValue } = declaration;
  if (declaration.Type === "Number" && (value.trim() === "" || Number.isNaN(Number(value)))) refuse("must be a number");
  if (AllowedValues && !AllowedValues.map(String).includes(value))
    refuse(`must be one of ${AllowedValues.join(", ")}, not '${value}'`);
  if (AllowedPattern && !new RegExp(`^(?:${AllowedPattern})$`).test(value))
    refuse(`must match the pattern ${AllowedPattern}`);
  if (MinLength !== undefined && value.length < MinLength) refuse(`must have at least ${MinLength} characters`);
  if (MaxLength !== undefined && value.length > MaxLength) refuse(`must have at most ${MaxLength} characters`);
  if (MinValue !== undefined && Number(value) < MinValue) refuse(`must be at least ${MinValue}`);
  if (MaxValue !== undefined && Number(value) > MaxValue) refuse(`must be at most ${MaxValue}`);
}
