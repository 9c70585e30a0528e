import { expect, test } from "@jest/globals";
import { testKernel } from "../testing.ts";
import type { Fault } from "./kernel.ts";
import type { Principal } from "./service.ts";

const OURS: Principal = { kind: "role", arn: "session/ours", roleArn: "role/ours" };
const OTHERS: Principal = { kind: "role", arn: "session/others", roleArn: "role/others" };

/** A kernel with one service that counts what is written. */
function counting(...faults: Partial<Fault>[]) {
  const kernel = testKernel();
  let written = 0;
  kernel.register({
    name: "notes",
    wire: { kind: "query", xmlns: "" },
    operations: {
      Write: {
        access: () => [{ action: "notes:Write", resource: "arn:note" }],
        run: () => {
          written += 1;
          return { number: written };
        },
      },
    },
  });
  kernel.faults.push(...faults.map((fault): Fault => ({ service: "notes", operation: "Write", times: 1, ...fault })));
  const write = (principal = OURS) => kernel.call<{ number: number }>("notes", "Write", {}, { principal });
  return { kernel, write, written: () => written };
}

test("a cut connection gives no answer, and the work is done only after its effect", async () => {
  const before = counting({ cut: true });
  await expect(before.write()).rejects.toMatchObject({ name: "SdkClientException" });
  expect(before.written()).toBe(0);
  const after = counting({ cut: true, afterEffect: true });
  await expect(after.write()).rejects.toMatchObject({ name: "SdkClientException" });
  expect(after.written()).toBe(1);
});

test("a repeated call is made twice, and the caller hears of the first", async () => {
  const { write, written } = counting({ repeat: true });
  expect(await write()).toEqual({ number: 1 });
  expect(written()).toBe(2);
});

test("a fault may be for one caller alone", async () => {
  const { write, written } = counting({ cut: true, when: (principal) => principal.arn === OURS.arn });
  await write(OTHERS);
  expect(written()).toBe(1);
  await expect(write(OURS)).rejects.toThrow("cut");
});

test("calls that have not ended are counted", async () => {
  const { kernel, write } = counting({ delayMs: 60_000 });
  const done = write();
  expect(kernel.underWay("notes", "Write")).toBe(1);
  kernel.clock.advance(60_000);
  await done;
  expect(kernel.underWay("notes", "Write")).toBe(0);
});
