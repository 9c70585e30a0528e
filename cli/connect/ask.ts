import { createInterface } from "node:readline/promises";
import { Writable } from "node:stream";

/** A terminal, or what stands for it in a test. */
export interface Terminal {
  readonly input: NodeJS.ReadableStream;
  readonly output: NodeJS.WritableStream;
}

const PROCESS: Terminal = { input: process.stdin, output: process.stderr };

/**
 * Asks a person at a terminal. What is typed in answer to a secret question is not shown.
 * @throws Error when the person ends the input instead
 */
export async function ask(question: string, isSecret: boolean, { input, output } = PROCESS): Promise<string> {
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
  const prompt = createInterface({ input, output: isSecret ? silent : output, terminal: true });
  if (isSecret) output.write(`${question}: `);
  try {
    return await new Promise<string>((resolve, reject) => {
      prompt.on("close", () => reject(new Error("nothing was stored")));
      prompt.question(isSecret ? "" : `${question}: `).then((answer) => resolve(answer.trim()), reject);
    });
  } finally {
    prompt.close();
    if (isSecret) output.write("\n");
  }
}

/** Whether a person says yes. */
export async function agrees(question: string, terminal?: Terminal): Promise<boolean> {
  return /^y(es)?$/i.test(await ask(`${question} [y/N]`, false, terminal));
}
