import { EventEmitter } from "node:events";
import { expect, test } from "@jest/globals";
import { TransientError } from "../errors.ts";
import { MARKED, marksInError } from "../testing/marked.ts";
import { bareCrashes } from "./crashes.ts";

test("what nobody catches has lost its words before the runtime logs it", () => {
  const runtime = new EventEmitter();
  const logged: unknown[] = [];
  runtime.on("unhandledRejection", (error) => logged.push(error));
  bareCrashes(runtime);
  const crash = () =>
    Object.assign(new Error(`bad: ${MARKED.names[0]}`, { cause: new Error(MARKED.emails[0]) }), {
      data: MARKED.phones,
    });
  const [thrown, rejected, ours] = [crash(), crash(), new TransientError("CODE", "ours")];
  runtime.emit("uncaughtExceptionMonitor", thrown);
  runtime.emit("unhandledRejection", rejected);
  runtime.emit("unhandledRejection", ours);
  expect(logged).toEqual([rejected, ours]);
  expect([thrown, rejected].map(marksInError)).toEqual([[], []]);
  expect(ours.message).toBe("ours");
});

test("where nobody listens to rejections nobody does afterwards, so that they still end the process", () => {
  const runtime = new EventEmitter();
  bareCrashes(runtime);
  expect(runtime.listenerCount("unhandledRejection")).toBe(0);
});
