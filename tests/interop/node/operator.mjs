// An operator with two accounts, one of which the server knows, made by `nervure auth`.

import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { builtNervure } from "./broker.mjs";

export function makeOperator() {
  const directory = mkdtempSync(join(tmpdir(), "nervure-operator-"));
  const tool = (...words) =>
    execFileSync(builtNervure(), ["auth", ...words], { cwd: directory, encoding: "utf8" }).trim();
  tool("nkey", "operator", "--out", "operator.nk");
  tool("nkey", "account", "--out", "app.nk");
  tool("nkey", "account", "--out", "stranger.nk");
  tool("jwt", "operator", "--key", "operator.nk", "--out", "operator.jwt");
  const account = tool("jwt", "account", "--key", "app.nk", "--issuer", "operator.nk");
  const settings = `
operator: "${join(directory, "operator.jwt")}"
resolver: MEMORY
resolver_preload: { ${tool("pubkey", "app.nk")}: ${account} }
`;
  const credentials = (name) => {
    const file = (kind) => `user-of-${name}-${Math.random()}.${kind}`;
    const [seed, token] = [file("nk"), file("jwt")];
    tool("nkey", "user", "--out", seed);
    tool("jwt", "user", "--key", seed, "--issuer", `${name}.nk`, "--out", token);
    tool("creds", "--jwt", token, "--seed", seed, "--out", `${seed}.creds`);
    return readFileSync(join(directory, `${seed}.creds`));
  };
  const remove = () => rmSync(directory, { recursive: true });
  return { settings, credentials, remove };
}
