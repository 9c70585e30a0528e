import { randomInt } from "node:crypto";
import { TemplateError } from "../kernel/errors.ts";

const MEMBERS = new Set([
  ...["ExcludeCharacters", "ExcludeLowercase", "ExcludeNumbers", "ExcludePunctuation", "ExcludeUppercase"],
  ...["GenerateStringKey", "IncludeSpace", "PasswordLength", "RequireEachIncludedType", "SecretStringTemplate"],
]);
const LOWER = "abcdefghijklmnopqrstuvwxyz";
const DIGITS = "0123456789";
const PUNCTUATION = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~";

/**
 * The secret text that `GenerateSecretString` asks for: a password, or the template's JSON with the password in it.
 * https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-secretsmanager-secret-generatesecretstring.html
 */
export function generateSecretString(logicalId: string, spec: Readonly<Record<string, unknown>>): string {
  const at = "Properties.GenerateSecretString";
  for (const member of Object.keys(spec))
    if (!MEMBERS.has(member)) throw new TemplateError(logicalId, `${at}.${member}`, "the twin does not support this");
  const password = generatePassword(logicalId, spec);
  const { SecretStringTemplate, GenerateStringKey } = spec;
  if ((SecretStringTemplate === undefined) !== (GenerateStringKey === undefined))
    throw new TemplateError(logicalId, at, "SecretStringTemplate and GenerateStringKey go together");
  if (SecretStringTemplate === undefined) return password;
  const base = JSON.parse(String(SecretStringTemplate)) as Record<string, unknown>;
  return JSON.stringify({ ...base, [String(GenerateStringKey)]: password });
}

function generatePassword(logicalId: string, spec: Readonly<Record<string, unknown>>): string {
  const excluded = String(spec.ExcludeCharacters ?? "");
  const kinds = [
    isOn(spec.ExcludeLowercase) ? "" : LOWER,
    isOn(spec.ExcludeUppercase) ? "" : LOWER.toUpperCase(),
    isOn(spec.ExcludeNumbers) ? "" : DIGITS,
    isOn(spec.ExcludePunctuation) ? "" : PUNCTUATION,
    isOn(spec.IncludeSpace) ? " " : "",
  ]
    .map((kind) => [...kind].filter((char) => !excluded.includes(char)).join(""))
    .filter((kind) => kind !== "");
  const length = Number(spec.PasswordLength ?? 32);
  if (kinds.length === 0 || length < kinds.length)
    throw new TemplateError(logicalId, "Properties.GenerateSecretString", "leaves no password to generate");
  const required = spec.RequireEachIncludedType === undefined || isOn(spec.RequireEachIncludedType) ? kinds : [];
  const chars = required.map(pick);
  while (chars.length < length) chars.push(pick(kinds.join("")));
  return shuffle(chars).join("");
}

function isOn(value: unknown): boolean {
  return value === true || value === "true";
}

function pick(alphabet: string): string {
  return alphabet.charAt(randomInt(alphabet.length));
}

function shuffle(chars: string[]): string[] {
  return chars
    .map((char) => [randomInt(2 ** 32), char] as const)
    .sort(([a], [b]) => a - b)
    .map(([, char]) => char);
}
