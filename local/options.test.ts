import { resolve } from "node:path";
import { describe, expect, test } from "@jest/globals";
import { TWIN_FOLDER } from "../cli/endpoint.ts";
import { DEFAULT_PORT_BASE, HELP, parseOptions, type StartOptions } from "./options.ts";

const defaults: StartOptions = {
  help: false,
  once: false,
  json: false,
  demo: true,
  reset: false,
  portBase: 4566,
  uploadMib: 1024,
  stateDir: TWIN_FOLDER,
};

describe("npm start", () => {
  test("without options runs the demonstration on the usual ports and stays up", () => {
    expect(parseOptions([])).toEqual(defaults);
  });

  test.each<[string[], Partial<StartOptions>]>([
    [["--help"], { help: true }],
    [["-h"], { help: true }],
    [["--once", "--json"], { once: true, json: true }],
    [["--no-demo"], { demo: false }],
    [["--reset"], { reset: true }],
    [["--port-base", "5000"], { portBase: 5000 }],
    [["--port-base=1"], { portBase: 1 }],
    [["--port-base", "65530"], { portBase: 65_530 }],
    [["--upload", "5120"], { uploadMib: 5120 }],
    [["--state", "elsewhere"], { stateDir: resolve("elsewhere") }],
    [["--once", "--no-once"], { once: false }],
  ])("%j", (args, expected) => {
    expect(parseOptions(args)).toEqual({ ...defaults, ...expected });
  });

  test.each(["0", "5121", "1.5", "much"])("refuses an upload of '%s'", (size) => {
    expect(() => parseOptions(["--upload", size])).toThrow(`--upload takes 1 to 5120 MiB; got '${size}'`);
  });

  test.each(["0", "-1", "65531", "70000", "4566.5", "http", "", " ", "1e9", "NaN"])(
    "refuses the port '%s' in one sentence",
    (port) => {
      expect(() => parseOptions([`--port-base=${port}`])).toThrow(
        `--port-base takes a port between 1 and 65530; got '${port}'`,
      );
    },
  );

  test.each([
    ["6566", 6566],
    ["5998", 6000],
    ["10075", 10080],
  ])("refuses the port '%s', as nothing that uses fetch could call all six", (base, refused) => {
    expect(() => parseOptions(["--port-base", base])).toThrow(
      `--port-base ${base} takes in port ${refused}, which browsers refuse to call`,
    );
    expect(parseOptions(["--port-base", String(refused + 1)]).portBase).toBe(refused + 1);
  });

  test.each([
    [["--demonstrate"], "--demonstrate"],
    [["now"], "now"],
    [["--once=yes"], "--once"],
    [["--port-base"], "--port-base"],
    [["--port-base", "--once"], "--port-base"],
  ])("refuses %j by name, as wrong usage", (args, named) => {
    const refused = () => parseOptions(args);
    expect(refused).toThrow(named);
    expect(refused).toThrow(expect.objectContaining({ code: expect.stringMatching(/^ERR_PARSE_ARGS_/) }));
  });

  test("explains every option and the usual port in its help", () => {
    for (const option of ["--once", "--json", "--no-demo", "--reset", "--port-base", "--state", "--help"])
      expect(HELP).toMatch(new RegExp(`^  ${option}\\b`, "m"));
    expect(HELP).toContain(`default ${DEFAULT_PORT_BASE}`);
  });
});
