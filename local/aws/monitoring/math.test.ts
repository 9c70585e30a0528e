import { describe, expect, test } from "@jest/globals";
import { parseExpression, type Series } from "./math.ts";

const STARTS = [0, 60, 120];
const SERIES: Record<string, Series> = {
  m1: new Map([
    [0, 1],
    [60, 2],
    [120, 6],
  ]),
  m2: new Map([
    [0, 4],
    [120, 3],
  ]),
  none: new Map(),
};

function work(expression: string): (number | undefined)[] {
  const series = parseExpression(expression).evaluate({
    starts: STARTS,
    series: (id) => SERIES[id] ?? new Map(),
  });
  return STARTS.map((start) => series.get(start));
}

// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html
describe("metric math", () => {
  test.each<[string, (number | undefined)[]]>([
    ["m1", [1, 2, 6]],
    ["m1+m2", [5, undefined, 9]],
    ["m1 - m2 * 2", [-7, undefined, 0]],
    ["(m1 + 1) / 2", [1, 1.5, 3.5]],
    ["-m1", [-1, -2, -6]],
    ["m1-FILL(m2,0)", [-3, 2, 3]],
    ["FILL(none, 7)", [7, 7, 7]],
    ["SUM([FILL(m1,0),FILL(m2,0),FILL(none,0)])", [5, 2, 9]],
    ["MAX([m1/10,m2/2])", [2, 0.2, 1.5]],
    ["MIN([m1,m2])", [1, 2, 3]],
    ["AVG([m1,m2])", [2.5, 2, 4.5]],
    ["MAX(m1)", [6, 6, 6]],
    ["m1/MAX(m1)", [1 / 6, 1 / 3, 1]],
    ["IF(m1 > 1 AND m2 >= 3, m2, 0)", [0, undefined, 3]],
    ["IF(m1 == 2 || m1 > 5, 1, 0)", [0, 1, 1]],
    ["CEIL(m1/4) + FLOOR(m1/4) + ABS(0-1)", [2, 2, 4]],
    ["none", [undefined, undefined, undefined]],
  ])("%s", (expression, expected) => {
    expect(work(expression)).toEqual(expected);
  });

  test.each<[string, string]>([
    ["RATE(m1)", "the twin has no metric math function RATE of 1 arguments"],
    ["FILL(m1, REPEAT", "cannot be read at its end"],
    ["SEARCH('{AWS/SQS}', 'Sum')", "cannot be read at '"],
    ["m1 +", "cannot be read at its end"],
    ["m1 m2", "cannot be read at m2"],
    ["[m1", "cannot be read at its end"],
    ["", "cannot be read at its end"],
  ])("'%s' is refused", (expression, message) => {
    expect(() => parseExpression(expression)).toThrow(message);
  });

  test("a list cannot be the result", () => {
    expect(() => work("[m1,m2]")).toThrow("a list of series stands where one belongs");
  });
});
