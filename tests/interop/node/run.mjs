// Runs the Node interop tests: `node run.mjs` for all, `node run.mjs CASE ...` for those whose
// names match one of the patterns. NERVURE_TEST_SERVER names the server program.

import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));

function run(command, ...args) {
  const { status } = spawnSync(command, args, { cwd: here, stdio: "inherit" });
  return status ?? 1;
}

/** Makes node_modules hold exactly what the lock file asks for. */
function prepare() {
  const wanted = readFileSync(join(here, "package-lock.json"), "utf8");
  const installed = join(here, "node_modules", ".installed-lock.json");
  if (existsSync(installed) && readFileSync(installed, "utf8") === wanted) return 0;
  const status = run("npm", "ci", "--no-audit", "--no-fund", "--loglevel=error");
  if (status === 0) writeFileSync(installed, wanted);
  return status;
}

const patterns = process.argv.slice(2).map((name) => `--test-name-pattern=${name}`);
process.exitCode = prepare() || run(process.execPath, "--test", ...patterns, here);
