// @ts-expect-error The package brings no types.
import validator from "asl-validator";
import { type Json, quoted, type Resources, resolve } from "./resolve.ts";

/** The part of the validator's answer that is used. https://github.com/ChristopheBougere/asl-validator */
interface Verdict {
  readonly errors: readonly {
    readonly Message: string;
    readonly schemaError?: { readonly instancePath: string };
  }[];
}

interface PlacedState {
  readonly name: string;
  readonly state: Json;
  /** Names of the states that it can lead to. */
  readonly siblings: readonly string[];
}

const MACHINE = "AWS::StepFunctions::StateMachine";
const HINT =
  "correct the definition (https://docs.aws.amazon.com/step-functions/latest/dg/concepts-amazon-states-language.html)";

/**
 * What Step Functions would refuse of the state machines, as they are once their substitutions are filled.
 * @returns a sentence each, with the logical id, the state and what to do
 */
export function againstStatesLanguage(resources: Resources): string[] {
  const machines = Object.entries(resources).filter(([, { Type }]) => Type === MACHINE);
  return machines.flatMap(([id, { Properties }]) => {
    const { Definition, DefinitionString, DefinitionSubstitutions = {}, StateMachineType } = Properties ?? {};
    const text = Definition ? JSON.stringify(Definition) : DefinitionString;
    if (typeof text !== "string") return [];
    const place = `${id}.${Definition ? "Definition" : "DefinitionString"}`;
    const unfilled = new Set([...text.matchAll(/\$\{(\w+)\}/g)].map(([, name = ""]) => name));
    const missing = [...unfilled].filter((name) => !(name in DefinitionSubstitutions));
    if (missing.length > 0)
      return missing.map(
        (name) => `${place} has \${${name}}, which nothing fills: add ${name} to DefinitionSubstitutions.`,
      );
    const filled = text.replace(/\$\{(\w+)\}/g, (_, name: string) =>
      String(resolve(DefinitionSubstitutions[name], resources)),
    );
    return wrongIn(filled, StateMachineType === "EXPRESS").map((sentence) => `${place}${sentence}: ${HINT}.`);
  });
}

function wrongIn(text: string, isExpress: boolean): string[] {
  let definition: Json;
  let errors: Verdict["errors"];
  try {
    definition = JSON.parse(text);
    ({ errors } = validate(definition));
  } catch {
    // The validator takes it for granted that a machine and its states are objects.
    return [" is no JSON of a machine with states"];
  }
  const said = errors.map(({ Message, schemaError }) => {
    const path = schemaError?.instancePath;
    if (path === undefined) return `: ${Message}`;
    const value = memberAt(definition, path);
    const members = blamed(definition, path);
    const why = Message.split(" is invalid. ")[1] ?? "";
    const what = members.length > 0 ? `by its ${members.join(" or ")}` : `as ${quoted(value)}`;
    // Which alternatives there are, the validator does not say.
    return `${path.replaceAll("/", ".")} does not fit the States Language ${what}${/oneOf/.test(why) ? "" : ` (${why})`}`;
  });
  // What does not even have the shape of states is not looked at closer.
  const isShaped = errors.every(({ schemaError }) => schemaError === undefined);
  const states = isShaped ? statesIn(definition) : [];
  const all = new Set(states.map(({ name }) => name));
  return [...new Set(said), ...states.flatMap((placed) => overlooked(placed, all, isExpress))];
}

/** On a copy: the validator writes into what it reads. */
function validate(definition: Json): Verdict {
  return validator(structuredClone(definition));
}

/** The members of an object without which it would fit: the validator knows only that it fits none of its alternatives. */
function blamed(definition: Json, path: string): string[] {
  const value = memberAt(definition, path);
  if (value === null || typeof value !== "object") return [];
  return Object.keys(value).filter((member) => {
    const without = structuredClone(definition);
    delete memberAt(without, path)[member];
    return !validate(without).errors.some(({ schemaError }) => schemaError?.instancePath === path);
  });
}

/** https://www.rfc-editor.org/rfc/rfc6901 */
function memberAt(root: Json, pointer: string): Json {
  const keys = pointer.split("/").slice(1);
  return keys.reduce((value, key) => value?.[key.replaceAll("~1", "/").replaceAll("~0", "~")], root);
}

/** What the validator lets pass and Step Functions does not. */
function overlooked({ name, state, siblings }: PlacedState, all: ReadonlySet<string>, isExpress: boolean): string[] {
  const { Retry = [], Catch = [], Choices = [], Next, Default, Resource, ItemProcessor } = state;
  const greedy = [Retry, Catch].some((list: Json[]) => {
    const at = list.findIndex(({ ErrorEquals }) => ErrorEquals.includes("States.ALL"));
    return at >= 0 && (at < list.length - 1 || list[at].ErrorEquals.length > 1);
  });
  const targets: string[] = [Next, Default, ...[...Choices, ...Catch].map((one) => one.Next)];
  const outside = targets.filter((target) => all.has(target) && !siblings.includes(target));
  const isStandard =
    /\.(sync(:2)?|waitForTaskToken)$/.test(Resource ?? "") || ItemProcessor?.ProcessorConfig?.Mode === "DISTRIBUTED";
  return [
    ...(greedy ? [`: the state '${name}' names States.ALL, which must stand last and alone`] : []),
    ...outside.map((target) => `: the state '${name}' leads to '${target}', which is not beside it`),
    ...(isExpress && isStandard ? [`: the state '${name}' is one that an EXPRESS machine cannot have`] : []),
  ];
}

/** Every state, those inside maps and branches too. */
function statesIn({ States = {} }: Json): PlacedState[] {
  return Object.entries<Json>(States).flatMap(([name, state]) => [
    { name, state, siblings: Object.keys(States) },
    ...[state.ItemProcessor, state.Iterator, ...(state.Branches ?? [])].flatMap((inner) => statesIn(inner ?? {})),
  ]);
}
