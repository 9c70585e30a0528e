import { expect, test } from "@jest/globals";
import { InvalidInputError, isAwaitingTarget, TargetUnavailableError, TransientError } from "#shared/errors.ts";
import { joinErrors } from "./failures.ts";

const open = () => new TargetUnavailableError("BREAKER_OPEN", "no call was made");
const probe = () => Object.assign(new TransientError("HTTP_503", "still down"), { wasProbe: true });
const failing = () => new TransientError("HTTP_503", "down");
const wrong = () => new InvalidInputError("I", "wrong");

test.each([
  ["nobody may call", [open(), open()], true],
  ["is still away", [probe(), open()], true],
  ["is still away, beside a record that is wrong", [probe(), wrong()], true],
  ["failed for one of them", [probe(), failing()], false],
  ["had nothing to do with it", [wrong(), wrong()], false],
])("a message of several records waits for a target that %s", (_what, errors, waits) => {
  const failed = errors.map((error, n) => ({ recordId: `${n}`, error }));
  expect(isAwaitingTarget(joinErrors(failed, 3))).toBe(waits);
});
