// biome-ignore-all lint/suspicious/noTemplateCurlyInString: Fn::Sub texts are written like this
import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { TemplateError } from "../kernel/errors.ts";
import { ADMINISTRATOR, type Kernel } from "../kernel/kernel.ts";
import type { Service, TemplateResource } from "../kernel/service.ts";
import { createSecretsManager } from "../secretsmanager/index.ts";
import { createSsm } from "../ssm/index.ts";
import { testKernel } from "../testing.ts";
import { type DeployOptions, deploy } from "./index.ts";

// https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference.html

/** A service with one resource type that accepts a `Value` and remembers the order in which it was asked. */
function recorder(made: TemplateResource[]): Service {
  return {
    name: "test",
    wire: { kind: "rest", routes: [] },
    operations: {},
    resources: [
      {
        type: "Test::Thing",
        properties: ["Value", "Other"],
        create(resource) {
          made.push(resource);
          return {
            ref: `ref-${resource.logicalId}`,
            attributes: { Arn: `arn-${resource.logicalId}`, Size: 3, "A.B": "dotted" },
          };
        },
        delete: () => undefined,
      },
    ],
  };
}

async function run(
  template: object,
  options: Partial<DeployOptions> = {},
  prepare?: (kernel: Kernel) => Promise<unknown>,
) {
  const made: TemplateResource[] = [];
  const kernel = testKernel();
  kernel.register(recorder(made));
  kernel.register(createSsm(kernel));
  kernel.register(createSecretsManager(kernel));
  await prepare?.(kernel);
  const stack = await deploy(kernel, template, { stackName: "fleet-dev", artifacts: "out", ...options });
  return { made, stack };
}

const thing = (Value?: unknown, more: object = {}) => ({
  Type: "Test::Thing",
  ...(Value === undefined ? {} : { Properties: { Value } }),
  ...more,
});

/** Evaluates one expression beside another resource `Other`, a parameter, a mapping and two conditions. */
async function evaluated(expression: unknown): Promise<unknown> {
  const { made } = await run(
    {
      Parameters: {
        Stage: { Type: "String", Default: "dev" },
        Names: { Type: "CommaDelimitedList", Default: "a, b,c" },
      },
      Mappings: { Sizes: { dev: { memory: 128, zones: ["x", "y"] } } },
      Conditions: {
        IsDev: { "Fn::Equals": [{ Ref: "Stage" }, "dev"] },
        IsProd: { "Fn::Not": [{ Condition: "IsDev" }] },
        Either: { "Fn::Or": [{ Condition: "IsProd" }, { Condition: "IsDev" }] },
        Both: { "Fn::And": [{ Condition: "IsProd" }, { Condition: "IsDev" }] },
      },
      Resources: { Subject: thing(expression), Other: thing() },
    },
    { imports: { "other-stack-bus": "bus-arn" } },
  );
  return made.find(({ logicalId }) => logicalId === "Subject")?.properties.Value;
}

describe("intrinsic functions", () => {
  test.each<[string, unknown, unknown]>([
    ["Ref of a parameter", { Ref: "Stage" }, "dev"],
    ["Ref of a resource", { Ref: "Other" }, "ref-Other"],
    [
      "Ref of pseudo parameters",
      [{ Ref: "AWS::AccountId" }, { Ref: "AWS::Region" }, { Ref: "AWS::StackName" }],
      ["123456789012", "us-east-1", "fleet-dev"],
    ],
    ["GetAtt as a list", { "Fn::GetAtt": ["Other", "Arn"] }, "arn-Other"],
    ["GetAtt as text", { "Fn::GetAtt": "Other.Arn" }, "arn-Other"],
    ["GetAtt of a dotted attribute", { "Fn::GetAtt": ["Other", "A.B"] }, "dotted"],
    ["GetAtt keeps the type", { "Fn::GetAtt": ["Other", "Size"] }, 3],
    [
      "Sub with one argument",
      { "Fn::Sub": "${Stage}/${Other}/${Other.Arn}/${AWS::Region}/${!Literal}" },
      "dev/ref-Other/arn-Other/us-east-1/${Literal}",
    ],
    [
      "Sub with variables",
      { "Fn::Sub": ["${a}-${Stage}", { a: { "Fn::Join": ["", ["x", { Ref: "Other" }]] } }] },
      "xref-Other-dev",
    ],
    ["Join", { "Fn::Join": [":", ["a", { Ref: "Stage" }, 1]] }, "a:dev:1"],
    ["Join of a list parameter", { "Fn::Join": ["|", { Ref: "Names" }] }, "a|b|c"],
    ["Select", { "Fn::Select": ["1", { "Fn::Split": [",", "a,b,c"] }] }, "b"],
    ["FindInMap", { "Fn::FindInMap": ["Sizes", { Ref: "Stage" }, "zones"] }, ["x", "y"]],
    ["If", { "Fn::If": ["IsDev", "yes", { Ref: "Nowhere" }] }, "yes"],
    ["If with the conditions made of others", [{ "Fn::If": ["Either", 1, 2] }, { "Fn::If": ["Both", 1, 2] }], [1, 2]],
    [
      "NoValue in a list and an object",
      { a: { Ref: "AWS::NoValue" }, b: ["x", { "Fn::If": ["IsProd", "y", { Ref: "AWS::NoValue" }] }] },
      { b: ["x"] },
    ],
    ["Base64", { "Fn::Base64": "hello" }, "aGVsbG8="],
    ["ImportValue", { "Fn::ImportValue": { "Fn::Sub": "other-stack-bus" } }, "bus-arn"],
    [
      "a Condition block of IAM",
      { Statement: { Condition: { StringEquals: { k: { Ref: "Stage" } } } } },
      { Statement: { Condition: { StringEquals: { k: "dev" } } } },
    ],
    [
      "an object whose only member is a Condition block",
      { Condition: { Bool: { k: "true" } } },
      { Condition: { Bool: { k: "true" } } },
    ],
  ])("%s", async (_, expression, expected) => {
    await expect(evaluated(expression)).resolves.toEqual(expected);
  });

  test("plain values pass through unchanged", async () => {
    const key = fc
      .string()
      .filter((name) => name !== "Ref" && name !== "Condition" && name !== "__proto__" && !name.startsWith("Fn::"));
    const leaf = fc.oneof(
      fc.string().filter((text) => !text.includes("{{resolve:")),
      fc.integer(),
      fc.boolean(),
    );
    const { value } = fc.letrec((tie) => ({
      value: fc.oneof(
        { depthSize: "small" },
        leaf,
        fc.array(tie("value"), { maxLength: 4 }),
        fc.dictionary(key, tie("value"), { maxKeys: 4, noNullPrototype: true }),
      ),
    }));
    await fc.assert(
      fc.asyncProperty(value, async (plain) => expect(await evaluated(plain)).toEqual(plain)),
      { numRuns: 50 },
    );
  });

  test("Split undoes Join", async () => {
    const word = fc.stringMatching(/^[a-z]{1,5}$/);
    await fc.assert(
      fc.asyncProperty(fc.array(word, { minLength: 1, maxLength: 5 }), async (words) => {
        expect(await evaluated({ "Fn::Split": [",", { "Fn::Join": [",", words] }] })).toEqual(words);
      }),
      { numRuns: 20 },
    );
  });

  test.each<[string, unknown, string]>([
    [
      "an unknown function",
      { a: [{ "Fn::Transform": {} }] },
      "Subject: Properties.Value.a[0]: the twin does not support Fn::Transform",
    ],
    [
      "an unknown Ref",
      { Ref: "Nowhere" },
      "Subject: Properties.Value: refers to 'Nowhere', which the template does not declare",
    ],
    [
      "an unknown attribute",
      { "Fn::GetAtt": ["Other", "Url"] },
      "Subject: Properties.Value: the twin's Test::Thing has no attribute 'Url'",
    ],
    [
      "a missing mapping",
      { "Fn::FindInMap": ["Sizes", "prod", "memory"] },
      "Subject: Properties.Value: the mappings have no Sizes.prod.memory",
    ],
    ["an index beyond the list", { "Fn::Select": [5, ["a"]] }, "Fn::Select has no item 5 in a list of 1"],
    ["an unknown condition", { "Fn::If": ["Nope", 1, 2] }, "there is no condition 'Nope'"],
    ["an import nobody exports", { "Fn::ImportValue": "ghost" }, "no stack exports 'ghost'"],
    ["text from an object", { "Fn::Sub": ["${a}", { a: { b: 1 } }] }, "Fn::Sub needs text"],
    ["wrong arguments", { "Fn::Join": ["a"] }, "Fn::Join takes a list of 2 arguments"],
    ["an unknown dynamic reference", "{{resolve:vault:x}}", "the twin does not support {{resolve:vault:…}}"],
    ["a dynamic reference to nothing", "{{resolve:ssm:/none}}", "{{resolve:ssm:/none}}: Parameter /none not found."],
  ])("%s stops the boot", async (_, expression, message) => {
    const failing = evaluated(expression);
    await expect(failing).rejects.toBeInstanceOf(TemplateError);
    await expect(failing).rejects.toThrow(message);
  });
});

describe("the order of resources", () => {
  const order = async (Resources: object) => (await run({ Resources })).made.map(({ logicalId }) => logicalId);

  test("a resource comes after what it refers to or depends on", async () => {
    await expect(
      order({
        A: thing({ "Fn::Sub": "${B.Arn}" }),
        B: thing({ "Fn::GetAtt": ["C", "Arn"] }),
        C: thing(undefined, { DependsOn: ["D"] }),
        D: thing({ "Fn::Join": ["", [{ Ref: "E" }]] }),
        E: thing(),
      }),
    ).resolves.toEqual(["E", "D", "C", "B", "A"]);
  });

  test("without references it is the template's own", async () => {
    await expect(order({ B: thing(), A: thing(), C: thing() })).resolves.toEqual(["B", "A", "C"]);
  });

  test("a circle is an error that names it", async () => {
    const circle = { A: thing({ Ref: "B" }), B: thing({ Ref: "C" }), C: thing({ Ref: "A" }) };
    await expect(order(circle)).rejects.toThrow("A: Properties: circular dependency: A → B → C → A");
  });

  test("any random graph without a circle is made in a possible order", async () => {
    const graph = fc
      .integer({ min: 1, max: 8 })
      .chain((size) =>
        fc.tuple(...Array.from({ length: size }, (_, i) => fc.subarray(Array.from({ length: i }, (_, j) => j)))),
      );
    await fc.assert(
      fc.asyncProperty(graph, async (edges) => {
        const Resources = Object.fromEntries(
          edges.map((to, i) => [`R${i}`, thing(to.map((j) => ({ Ref: `R${j}` })))] as const).reverse(),
        );
        const made = await order(Resources);
        for (const [i, to] of edges.entries())
          for (const j of to) expect(made.indexOf(`R${j}`)).toBeLessThan(made.indexOf(`R${i}`));
      }),
      { numRuns: 50 },
    );
  });
});

describe("parameters, conditions and outputs", () => {
  test("a given value wins over the default; a missing one is an error", async () => {
    const template = {
      Parameters: { Stage: { Type: "String", Default: "dev" } },
      Resources: { A: thing({ Ref: "Stage" }) },
    };
    const { made } = await run(template, { parameters: { Stage: "prod" } });
    expect(made[0]?.properties.Value).toBe("prod");
    const bare = { Parameters: { Stage: { Type: "String" } }, Resources: {} };
    await expect(run(bare)).rejects.toThrow("Stage: Parameters: has no default and no value was given");
    await expect(run(bare, { parameters: { Nope: "x" } })).rejects.toThrow(
      "the template has no parameter of this name",
    );
  });

  test("a constraint that fails is told in the template's own words", async () => {
    const Source = {
      Type: "String",
      Default: "",
      AllowedPattern: "aws\\.partner/.+",
      ConstraintDescription: "Paste the name of the event relay.",
    };
    await expect(run({ Parameters: { Source }, Resources: {} })).rejects.toThrow(
      "Source: Parameters: Paste the name of the event relay.",
    );
  });

  test("Systems Manager and Secrets Manager values are looked up", async () => {
    const principal = ADMINISTRATOR;
    const { made } = await run(
      {
        Parameters: { Limit: { Type: "AWS::SSM::Parameter::Value<String>", Default: "/limit" } },
        Resources: {
          A: thing({
            limit: { Ref: "Limit" },
            again: "at {{resolve:ssm:/limit:1}}/s",
            key: "{{resolve:secretsmanager:app:SecretString:key}}",
          }),
        },
      },
      {},
      async (kernel) => {
        await kernel.call("ssm", "PutParameter", { Name: "/limit", Value: "25", Type: "String" }, { principal });
        await kernel.call(
          "secretsmanager",
          "CreateSecret",
          { Name: "app", SecretString: '{"key":"$&"}' },
          { principal },
        );
      },
    );
    expect(made[0]?.properties.Value).toEqual({ limit: "25", again: "at 25/s", key: "$&" });
  });

  test("a false condition leaves out the resource, its output, and whatever type it has", async () => {
    const { made, stack } = await run({
      Conditions: { Never: { "Fn::Equals": ["a", "b"] } },
      Resources: { A: thing(), B: { Type: "No::Such::Type", Condition: "Never" } },
      Outputs: {
        A: { Value: { "Fn::GetAtt": ["A", "Arn"] }, Export: { Name: { "Fn::Sub": "${AWS::StackName}-a" } } },
        B: { Value: { Ref: "B" }, Condition: "Never" },
      },
    });
    expect(made.map(({ logicalId }) => logicalId)).toEqual(["A"]);
    expect(stack.outputs).toEqual({ A: "arn-A" });
    expect(stack.exports).toEqual({ "fleet-dev-a": "arn-A" });
  });
});

describe("what the twin does not reproduce", () => {
  test.each<[string, object, string]>([
    [
      "a resource type",
      { Resources: { A: { Type: "AWS::EC2::Instance" } } },
      "A: Type: the twin does not support AWS::EC2::Instance",
    ],
    [
      "a property",
      { Resources: { A: { Type: "Test::Thing", Properties: { Colour: 1 } } } },
      "A: Properties.Colour: the twin does not support this of Test::Thing",
    ],
    [
      "a resource attribute",
      { Resources: { A: thing(1, { CreationPolicy: {} }) } },
      "A: CreationPolicy: the twin does not support this resource attribute",
    ],
    ["a section", { Resources: {}, Rules: {} }, "(template): Rules: the twin does not support this section"],
    [
      "a dependency on nothing",
      { Resources: { A: thing(1, { DependsOn: "B" }) } },
      "A: DependsOn: the template has no resource 'B'",
    ],
  ])("%s stops the boot", async (_, template, message) => {
    await expect(run(template)).rejects.toThrow(message);
  });

  test("nothing is made when any resource is unsupported", async () => {
    const made: TemplateResource[] = [];
    const kernel = testKernel();
    kernel.register(recorder(made));
    const template = { Resources: { A: thing(), B: { Type: "AWS::EC2::Instance" } } };
    await expect(deploy(kernel, template, { stackName: "s", artifacts: "." })).rejects.toThrow(TemplateError);
    expect(made).toEqual([]);
  });
});
