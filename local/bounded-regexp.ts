import { createContext, Script } from "node:vm";

const LIMIT_MS = 500;
const { exec } = RegExp.prototype;
const scope: { search?: () => RegExpExecArray | null } = {};
const context = createContext(scope);
const run = new Script("search()");

/**
 * A regular expression of a caller: a search that takes longer than half a second ends with an error, where a plain one
 * may try for ever (`(a+)+b`). Costs a fraction of a millisecond a search.
 */
export class BoundedRegExp extends RegExp {
  /** @throws SearchTimedOut */
  override exec(text: string): RegExpExecArray | null {
    scope.search = () => exec.call(this, text);
    try {
      return run.runInContext(context, { timeout: LIMIT_MS });
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== "ERR_SCRIPT_EXECUTION_TIMEOUT") throw cause;
      throw new SearchTimedOut(`A regular expression was searched for longer than ${LIMIT_MS} ms and timed out.`);
    }
  }
}

/** The caller's expression cannot be searched for, which is the caller's fault. */
export class SearchTimedOut extends Error {
  override readonly name = "SearchTimedOut";
}
