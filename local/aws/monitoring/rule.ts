import type { AlarmState } from "./comparison.ts";

/** Works out `ALARM("a") AND NOT (OK(b) OR TRUE)`. @throws Error when the rule cannot be read */
export function evaluateRule(rule: string, stateOfAlarm: (nameOrArn: string) => AlarmState): boolean {
  const tokens = rule.match(/\(|\)|"[^"]*"|[^\s()"]+/g) ?? [];
  let at = 0;
  const take = (wanted?: string): string => {
    const token = tokens[at++];
    if (token === undefined || (wanted && token !== wanted))
      throw new Error(`the rule ${rule} cannot be read at ${token ?? "its end"}`);
    return token;
  };
  const either = (): boolean => {
    let value = both();
    while (tokens[at]?.toUpperCase() === "OR") {
      take();
      const right = both();
      value = value || right;
    }
    return value;
  };
  const both = (): boolean => {
    let value = single();
    while (tokens[at]?.toUpperCase() === "AND") {
      take();
      const right = single();
      value = value && right;
    }
    return value;
  };
  const single = (): boolean => {
    const token = take();
    if (token === "(") {
      const value = either();
      take(")");
      return value;
    }
    const word = token.toUpperCase();
    if (word === "NOT") return !single();
    if (word === "TRUE" || word === "FALSE") return word === "TRUE";
    if (!["ALARM", "OK", "INSUFFICIENT_DATA"].includes(word)) throw new Error(`the rule has no function ${token}`);
    take("(");
    const name = take().replaceAll('"', "");
    take(")");
    return stateOfAlarm(name) === word;
  };
  const value = either();
  if (at < tokens.length) throw new Error(`the rule ${rule} cannot be read at ${tokens[at]}`);
  return value;
}
