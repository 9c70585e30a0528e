import { describe, expect, test } from "@jest/globals";
import { ORG, USER } from "../testing.ts";
import { clientOf, startOrg } from "./testing.ts";

const users = { totalSize: 1, done: true, records: [{ Username: "robot@acme.example" }] };

describe("identity", () => {
  test("follows from the token, in long ids, and the user's own record", async () => {
    const id = `https://login.example/id/${ORG.slice(0, 15)}/${USER.slice(0, 15)}`;
    await using server = await startOrg(
      () => ({ body: users }),
      () => ({ body: { access_token: "t", instance_url: `${server.url}/`, id } }),
    );
    expect(await clientOf(server).identity()).toEqual({ orgId: ORG, userId: USER, username: "robot@acme.example" });
    const [{ url } = { url: "" }] = server.calls();
    expect(new URL(url, server.url).searchParams.get("q")).toBe(`SELECT Username FROM User WHERE Id = '${USER}'`);
  });

  test.each([undefined, "https://login.example/id/00D", `https://login.example/id/${USER}/${ORG}`])(
    "a token that names %s says nobody",
    async (id) => {
      await using server = await startOrg(
        () => ({ body: users }),
        () => ({ body: { access_token: "t", instance_url: server.url, id } }),
      );
      await expect(clientOf(server).identity()).rejects.toMatchObject({ name: "ContractError" });
    },
  );
});

describe("versions", () => {
  test("are those that the organisation serves", async () => {
    await using server = await startOrg(() => ({
      body: [{ version: "66.0", label: "Spring '26" }, { version: "67.0" }],
    }));
    expect(await clientOf(server).versions()).toEqual(["66.0", "67.0"]);
    expect(server.calls()[0]?.url).toBe("/services/data");
  });
});
