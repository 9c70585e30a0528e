const MAX_LENGTH = 1_000;

/**
 * The message of an error as a person reads it. What Step Functions keeps of a failed function is the runtime's JSON with
 * a stack, cut off when it is long: https://docs.aws.amazon.com/lambda/latest/dg/nodejs-exceptions.html
 */
export function plainWords(text: string): string {
  const message = messageOf(text.trim()) ?? text;
  const lines = message.split("\n").filter((line) => !/^\s*at\s.*(:\d+|\(|<anonymous>|native)/.test(line));
  const words = lines.join("\n").trim();
  return words.length > MAX_LENGTH ? `${words.slice(0, MAX_LENGTH)}…` : words || "no message was given";
}

function messageOf(text: string): string | undefined {
  if (!text.startsWith("{")) return undefined;
  try {
    const { errorMessage, message } = JSON.parse(text);
    const found = errorMessage ?? message;
    return typeof found === "string" ? found : undefined;
  } catch {
    const [, cut] = /"errorMessage"\s*:\s*"((?:[^"\\]|\\.)*)/.exec(text) ?? [];
    return cut === undefined ? undefined : unescapeJson(cut);
  }
}

function unescapeJson(json: string): string {
  try {
    return JSON.parse(`"${json}"`);
  } catch {
    return json;
  }
}
