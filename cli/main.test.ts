import { describe, expect, test } from "@jest/globals";
import type { Answer, SeenRequest } from "#shared/testing/server.ts";
import { runFleet } from "./testing.ts";

const OLD = "1-5759e988-000000000000000000000001";
const NEW = "1-5759e988-000000000000000000000002";
const documents = {
  [OLD]: [{ id: "a", name: "older", start_time: 1, end_time: 2 }],
  [NEW]: [{ id: "b", name: "newer", start_time: 3, end_time: 4 }],
};

/** An X-Ray that knows the given traces; its search finds all of them. */
const xray =
  (known: Partial<typeof documents>) =>
  ({ url, body }: SeenRequest): Answer => {
    if (url === "/TraceSummaries") return { body: { TraceSummaries: Object.keys(known).map((Id) => ({ Id })) } };
    if (url !== "/Traces") return { body: {} };
    const Traces = (JSON.parse(body).TraceIds as (keyof typeof documents)[]).flatMap((Id) => {
      const Segments = known[Id]?.map((document) => ({ Id: document.id, Document: JSON.stringify(document) }));
      return Segments ? [{ Id, Segments }] : [];
    });
    return { body: { Traces } };
  };

/** Runs the command line against an X-Ray of its own. */
const fleet = (args: string[], answer: (request: SeenRequest) => Answer = xray(documents)) => runFleet(args, answer);

describe("the command line", () => {
  test.each([[["--help"]], [["-h"]], [["help"]]])("%j prints the help", async (args) => {
    const { code, out, err } = await fleet(args);
    expect([code, err]).toEqual([0, ""]);
    expect(out).toMatch(/usage: fleet <command>[\s\S]*trace +prints the trace/);
  });

  test("without a command prints the help, as wrong usage", async () => {
    const { code, out } = await fleet([]);
    expect(code).toBe(2);
    expect(out).toContain("usage: fleet <command>");
  });

  test.each([[["trace", "--help"]], [["trace", OLD, "-h"]]])(
    "%j prints the command's own help and asks nobody",
    async (args) => {
      const { code, out, requests } = await fleet(args);
      expect([code, requests]).toEqual([0, []]);
      expect(out).toContain("usage: fleet trace <trace id");
    },
  );

  test.each([
    [["dance"], "there is no command 'dance'"],
    [["toString"], "there is no command 'toString'"],
    [["trace"], "give one trace id"],
    [["trace", "a", "b"], "give one trace id"],
    [["trace", "a", "--sinc", "1h"], "--sinc"],
    [["trace", "a", "--since"], "--since"],
    [["trace", "a", "--since", "1w"], "--since takes a number with m, h or d, such as 30m; got '1w'"],
    [["trace", "a", "--since", "-1h"], "--since"],
    [["trace", "a", "--since", "1.5h"], "got '1.5h'"],
    [["trace", "a", "--all=yes"], "--all"],
  ])("%j is wrong usage", async (args, sentence) => {
    const { code, out, err, requests } = await fleet(args);
    expect([code, out, requests]).toEqual([2, "", []]);
    expect(err).toMatch(/^error: .*\n$/s);
    expect(err).toContain(args[0] === "trace" ? "; see 'fleet trace --help'\n" : "; see 'fleet --help'\n");
    expect(err).toContain(sentence);
  });
});

describe("fleet trace", () => {
  test("prints a trace as a tree, without colour in a pipe", async () => {
    const { code, out, err } = await fleet(["trace", OLD]);
    expect([code, err]).toEqual([0, ""]);
    expect(out).toMatch(new RegExp(`^${OLD} .*1 segments\\nolder +\\+0 ms +1000 ms\\n$`));
  });

  test("prints the newest trace of a change and says how many are older", async () => {
    const { code, out, err } = await fleet(["trace", "correlation-1"]);
    expect(code).toBe(0);
    expect(out).toContain(NEW);
    expect(out).not.toContain(OLD);
    expect(err).toBe("1 older trace not shown; see --all.\n");
  });

  test("prints all of them with --all", async () => {
    const { out, err } = await fleet(["trace", "correlation-1", "--all", "--since", "30m"]);
    expect(out.indexOf(NEW)).toBeGreaterThanOrEqual(0);
    expect(out.indexOf(OLD)).toBeGreaterThan(out.indexOf(NEW));
    expect(err).toBe("");
  });

  test("prints the documents with --json", async () => {
    const { out } = await fleet(["trace", "correlation-1", "--json"]);
    expect(JSON.parse(out)).toEqual([{ traceId: NEW, documents: documents[NEW] }]);
  });

  test("says that nothing was found", async () => {
    const { code, out, err } = await fleet(["trace", "correlation-1", "--since", "2d"], xray({}));
    expect([code, out]).toEqual([1, ""]);
    expect(err).toMatch(/^No trace found for correlation-1 in the last 2d/);
  });

  test.each<[string, Answer, string]>([
    ["refuses", { status: 403, body: { __type: "AccessDeniedException", message: "not allowed" } }, "not allowed"],
    ["cuts the connection", "reset", "socket hang up"],
  ])("fails with one sentence when X-Ray %s", async (_what, answer, sentence) => {
    const { code, out, err } = await fleet(["trace", OLD], () => answer);
    expect([code, out]).toEqual([1, ""]);
    expect(err).toBe(`error: ${sentence}\n`);
  });
});
