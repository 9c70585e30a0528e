#!/usr/bin/env node
// Entry of `npx fleet`: hands over to the pinned Node.
process.argv.splice(2, 0, "cli/main.ts");
await import("../scripts/run.mjs");
