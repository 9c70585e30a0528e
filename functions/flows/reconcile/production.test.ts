import { expect, jest, test } from "@jest/globals";
import { report } from "./production.ts";

test("every measure of a target is written under the target's name, with its unit", () => {
  const printed = jest.spyOn(process.stdout, "write").mockImplementation(() => true);
  try {
    report([{ target: "billing", BreakerOpen: 1, TargetRefusesKey: 0, CustomersBehind: 7, OldestBehindSeconds: 61 }]);
    const lines = printed.mock.calls.map(([line]) => JSON.parse(String(line)));
    expect(lines).toMatchObject([
      { target: "billing", BreakerOpen: 1 },
      { target: "billing", TargetRefusesKey: 0 },
      { target: "billing", CustomersBehind: 7 },
      { target: "billing", OldestBehindSeconds: 61 },
    ]);
    const directives = lines.map(({ _aws }) => _aws.CloudWatchMetrics[0]);
    expect(directives.map(({ Dimensions }) => Dimensions)).toEqual(Array(4).fill([["service", "target"]]));
    expect(directives.map(({ Metrics }) => Metrics[0].Unit)).toEqual(["Count", "Count", "Count", "Seconds"]);
  } finally {
    printed.mockRestore();
  }
});
