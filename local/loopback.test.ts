import { once } from "node:events";
import { connect } from "node:net";
import { text } from "node:stream/consumers";
import { afterEach, describe, expect, test } from "@jest/globals";
import { type LoopbackServer, readBody, refusalOf, serveLoopback } from "./loopback.ts";

let server: LoopbackServer | undefined;
afterEach(() => server?.close());

describe("who is refused", () => {
  test.each([
    ["127.0.0.1:4566", undefined],
    ["localhost:4566", undefined],
    ["[::1]:4566", undefined],
    ["LOCALHOST", undefined],
    ["bucket.localhost:4566", undefined],
    ["sync-127.0.0.1:4566", undefined],
    ["127.0.0.1:4566", "http://127.0.0.1:4566"],
    ["localhost:4566", "https://localhost:4566"],
  ])("not host %s with origin %s", (host, origin) => {
    expect(refusalOf({ host, origin })).toBeUndefined();
  });

  test.each([
    [undefined, undefined],
    ["", undefined],
    ["evil.example:4566", undefined],
    ["127.0.0.1.evil.example:4566", undefined],
    ["127.0.0.1@evil.example", undefined],
    ["evil.example#localhost", undefined],
    ["localhost.evil.example", undefined],
    ["evillocalhost:80", undefined],
    ["0.0.0.0:4566", undefined],
    ["192.168.0.7:4566", undefined],
    ["127.0.0.1:4566", "https://evil.example"],
    ["127.0.0.1:4566", "null"],
    ["127.0.0.1:4566", ""],
    ["127.0.0.1:4566", "http://127.0.0.1:3000"],
    ["127.0.0.1:4566", "http://localhost:4566"],
    ["127.0.0.1:4566", "http://127.0.0.1:4566.evil.example"],
    ["127.0.0.1:4566", "http://evil.example@127.0.0.1:4566"],
    ["127.0.0.1:4566", "file://127.0.0.1:4566"],
  ])("host %s with origin %s", (host, origin) => {
    expect(refusalOf({ host, origin })).toMatch(/^This server answers to /);
  });

  test.each(["cross-site", "same-site"])("a page that sends no origin and is %s", (site) => {
    expect(refusalOf({ host: "localhost:1", origin: undefined, site })).toMatch(/no page but its own/);
  });
});

test("OPTIONS is answered without what would open it to pages", async () => {
  server = await serveLoopback({ name: "Test", port: 0 }, (_, response) => response.writeHead(500).end());
  const answer = await fetch(server.url, { method: "OPTIONS" });
  expect([answer.status, answer.headers.get("allow")]).toEqual([204, expect.stringContaining("POST")]);
  expect([...answer.headers.keys()].filter((name) => name.startsWith("access-control"))).toEqual([]);
});

test.each(["", "GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: "])(
  "a head that does not end is cut off: %j",
  async (sent) => {
    server = await serveLoopback({ name: "Test", port: 0, headMs: 100 }, (_, response) => response.end());
    const socket = connect(server.port, "127.0.0.1");
    socket.write(sent);
    const answer = await text(socket);
    expect(answer).toMatch(sent ? /^HTTP\/1.1 408/ : /^(HTTP\/1.1 408|$)/);
  },
);

test.each([
  ["that says its size", "Content-Length: 11\r\n\r\n"],
  ["that comes in chunks", "Transfer-Encoding: chunked\r\n\r\nb\r\nhello world\r\n0\r\n\r\n"],
])("a body %s is read to its limit", async (_, rest) => {
  const sizes: unknown[] = [];
  server = await serveLoopback({ name: "Test", port: 0 }, (request, response) => {
    void readBody(request, 10)
      .catch((error) => error.name)
      .then((read) => sizes.push(read))
      .then(() => response.end());
  });
  const socket = connect(server.port, "127.0.0.1");
  socket.write(`POST / HTTP/1.1\r\nHost: localhost\r\n${rest}`);
  await once(socket, "data");
  socket.destroy();
  expect(sizes).toEqual(["BodyTooLarge"]);
});
