/** What serverless.yml may say of the fleet's own events and properties of functions, as JSON Schema. */
export const CONSUMER = {
  type: "object",
  properties: {
    queue: { type: "string", pattern: "^[a-z][a-z0-9-]{0,39}$" },
    consumes: { type: "array", items: { type: "string" }, minItems: 1 },
    lane: { enum: ["live", "bulk"] },
    replays: { type: "boolean" },
    partnerBuses: { type: "boolean", const: true },
    schedule: {
      type: "object",
      properties: {
        rate: { type: "string" },
        request: { type: "string" },
        data: { type: "array", items: { type: "object" }, minItems: 1 },
        enabled: {},
      },
      required: ["rate", "request", "data", "enabled"],
      additionalProperties: false,
    },
    batchSize: { type: "integer", minimum: 1, maximum: 10_000 },
    window: { type: "integer", minimum: 0, maximum: 300 },
    maximumConcurrency: { type: "integer", minimum: 2, maximum: 1_000 },
    giveUpAfter: { type: "integer", minimum: 60, maximum: 1_123_200 },
    staleAfter: { type: "integer", minimum: 60, maximum: 345_600 },
  },
  required: ["queue"],
  additionalProperties: false,
};

export const DEAD_LETTERS = { type: "boolean", const: true };

export const FUNCTION = {
  properties: {
    salesforceOrgs: { type: "boolean" },
    connection: { enum: ["stripe", "slack"] },
  },
};
