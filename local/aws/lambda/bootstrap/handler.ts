import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { RuntimeError } from "./errors.ts";

/** A handler as the runtime calls it, whatever style it was written in. */
export type Handler = (event: unknown, context: object) => unknown;

type Callback = (error: unknown, result?: unknown) => void;

const CALLBACK_REMOVED =
  "AWS Lambda no longer supports callback-based function handlers from Node.js 24 on; make the handler an async function. " +
  "See https://docs.aws.amazon.com/lambda/latest/dg/nodejs-handler.html";

/**
 * Loads `folder/file.export` below the task root, as the Node.js runtime looks it up.
 * @throws RuntimeError `Runtime.MalformedHandlerName`, `Runtime.ImportModuleError`, `Runtime.UserCodeSyntaxError`,
 * `Runtime.HandlerNotFound`, `Runtime.CallbackHandlerDeprecated`; whatever the module itself throws
 */
export async function loadHandler(root: string, name: string): Promise<Handler> {
  const slash = name.lastIndexOf("/") + 1;
  const match = /^([^.]+)\.(.+)$/.exec(name.slice(slash));
  if (!match || name.includes("..")) throw new RuntimeError("Runtime.MalformedHandlerName", "Bad handler");
  const [, file = "", exported = ""] = match;
  const module = await loadModule(root, name.slice(0, slash), file);
  const found = exported.split(".").reduce<unknown>((value, key) => (value as Record<string, unknown>)?.[key], module);
  if (found === undefined) throw new RuntimeError("Runtime.HandlerNotFound", `${name} is undefined or not exported`);
  if (typeof found !== "function") throw new RuntimeError("Runtime.HandlerNotFound", `${name} is not a function`);
  return adapt(found as Handler);
}

async function loadModule(root: string, folder: string, file: string): Promise<unknown> {
  const require = createRequire(join(root, "index.js"));
  const base = resolve(root, folder, file);
  try {
    if (existsSync(`${base}.js`))
      return await (isModule(root, base) ? importFile(`${base}.js`) : require(`${base}.js`));
    if (existsSync(`${base}.mjs`)) return await importFile(`${base}.mjs`);
    if (existsSync(`${base}.cjs`)) return require(`${base}.cjs`);
    return require(require.resolve(file, { paths: [root, join(root, folder)] }));
  } catch (error) {
    if (error instanceof SyntaxError) throw new RuntimeError("Runtime.UserCodeSyntaxError", String(error), error);
    if (error instanceof Error && (error as NodeJS.ErrnoException).code === "MODULE_NOT_FOUND")
      throw new RuntimeError("Runtime.ImportModuleError", String(error), error);
    throw error;
  }
}

function importFile(path: string): Promise<unknown> {
  return import(pathToFileURL(path).href);
}

/** Whether the nearest package.json, not above the task root, says that `.js` files are ES modules. */
function isModule(root: string, base: string): boolean {
  for (let folder = dirname(base); folder.length >= root.length; folder = dirname(folder)) {
    const path = join(folder, "package.json");
    if (existsSync(path)) return JSON.parse(readFileSync(path, "utf8")).type === "module";
  }
  return false;
}

/** Runtimes before Node.js 24 still call back; 24 refuses such handlers. */
function adapt(handler: Handler): Handler {
  if (handler.length < 3) return handler;
  const major = Number(/nodejs(\d+)/.exec(process.env.AWS_EXECUTION_ENV ?? "")?.[1]);
  if (major >= 24) throw new RuntimeError("Runtime.CallbackHandlerDeprecated", CALLBACK_REMOVED);
  const withCallback = handler as (event: unknown, context: object, callback: Callback) => unknown;
  return (event, context) =>
    new Promise((resolve, reject) => {
      const answer = withCallback(event, context, (error, result) => (error ? reject(error) : resolve(result)));
      if (answer instanceof Promise) answer.then(resolve, reject);
    });
}
