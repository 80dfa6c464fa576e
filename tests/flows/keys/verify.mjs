// npm's jose as a process: a line with a JSON list of tokens -> a line with a list of words, "" for those let in.
import { createInterface } from "node:readline";
import { createRemoteJWKSet, jwtVerify } from "jose";

const [jwks, issuer, caches] = process.argv.slice(2);
const keys = createRemoteJWKSet(new URL(jwks), JSON.parse(caches));

async function word(token) {
  try {
    await jwtVerify(token, keys, { issuer, audience: issuer, algorithms: ["RS256"], typ: "at+jwt" });
    return "";
  } catch (error) {
    return error.code ?? String(error);
  }
}

for await (const line of createInterface({ input: process.stdin }))
  console.log(JSON.stringify(await Promise.all(JSON.parse(line).map(word))));
