/** @type {import("jest").Config} */
export default {
  testEnvironment: "node",
  extensionsToTreatAsEsm: [".ts"],
  transform: {
    "\\.ts$": [
      "@swc/jest",
      {
        jsc: {
          parser: { syntax: "typescript" },
          target: "es2024",
          experimental: { keepImportAttributes: true },
        },
        module: { type: "es6" },
        sourceMaps: "inline",
      },
    ],
  },
  // A core waits while a fleet waits: each has a worker.
  maxWorkers: "100%",
  testTimeout: 30_000,
  testMatch: ["<rootDir>/{cli,functions,shared,statemachines,local,scripts,test}/**/*.test.ts"],
  modulePathIgnorePatterns: ["<rootDir>/.serverless", "<rootDir>/.esbuild", "<rootDir>/.twin"],
};
