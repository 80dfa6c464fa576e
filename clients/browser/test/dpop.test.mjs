import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { API, browser, expire, json } from "./tabs.mjs";

let house;
beforeEach(() => { house = browser(); });
afterEach(() => house.close());

const parts = (proof) => proof.split(".").slice(0, 2).map((part) => JSON.parse(Buffer.from(part, "base64url")));
const digest = async (text) => Buffer.from(await crypto.subtle.digest("SHA-256", Buffer.from(text))).toString("base64url");

async function genuine(proof) {
  const [head] = parts(proof);
  const key = await crypto.subtle.importKey("jwk", head.jwk, { name: "ECDSA", namedCurve: "P-256" }, false, ["verify"]);
  const [text, signature] = [proof.slice(0, proof.lastIndexOf(".")), proof.slice(proof.lastIndexOf(".") + 1)];
  const how = { name: "ECDSA", hash: "SHA-256" };
  return crypto.subtle.verify(how, key, Buffer.from(signature, "base64url"), Buffer.from(text));
}

test("each request has a proof of its own, made again where the server wants its nonce", async () => {
  house.service.spoil = ({ url, headers }) => {
    const wanted = url.startsWith(API) ? "api" : "issuer";
    if (parts(headers.get("dpop"))[1].nonce === wanted) {
      return url.startsWith(API) ? json(200, {}, { "dpop-nonce": "api" }) : undefined;
    }
    return url.startsWith(API)
      ? json(401, {}, { "dpop-nonce": wanted, "www-authenticate": 'DPoP error="use_dpop_nonce"' })
      : json(400, { error: "use_dpop_nonce" }, { "dpop-nonce": wanted });
  };
  const client = house.tab({ dpop: true });
  await client.loginWithPassword("a@example.com", "x");
  assert.equal((await client.fetch(`${API}/x?q=1`, { method: "POST", body: "b" })).status, 200);
  assert.equal((await client.fetch(`${API}/y`)).status, 200);
  const calls = house.service.calls;
  assert.deepEqual(calls.map(({ url }) => new URL(url).pathname), ["/api/auth/login", "/api/auth/login", "/x", "/x", "/y"]);
  assert.equal(calls[3].text, "b");
  const ids = new Set();
  for (const { url, method, headers } of calls) {
    const proof = headers.get("dpop");
    const [head, said] = parts(proof);
    assert.ok(await genuine(proof));
    assert.deepEqual([head.typ, head.alg, Object.keys(head.jwk).sort()], ["dpop+jwt", "ES256", ["crv", "kty", "x", "y"]]);
    assert.deepEqual([said.htm, said.htu], [method, url.split("?")[0]]);
    assert.equal(said.ath, url.startsWith(API) ? await digest("a1") : undefined);
    assert.ok(Math.abs(said.iat - Date.now() / 1000) < 5);
    ids.add(said.jti);
  }
  assert.equal(ids.size, calls.length);
});

test("a server that is never content with a nonce is asked twice and no more", async () => {
  house.service.spoil = () => json(400, { error: "use_dpop_nonce" }, { "dpop-nonce": "x" });
  const client = house.tab({ dpop: true });
  await assert.rejects(client.loginWithPassword("a@example.com", "x"), { code: "use_dpop_nonce" });
  assert.equal(house.service.calls.length, 2);
});

test("a clock that is wrong by minutes is put right by the service's", async () => {
  house.jump(-600_000);
  const now = Date.now() + 600_000;
  house.service.spoil = ({ headers }) => (Math.abs(parts(headers.get("dpop"))[1].iat - now / 1000) > 60
    ? json(400, { error: "invalid_dpop_proof" }, { date: new Date(now).toUTCString() }) : undefined);
  const client = house.tab({ dpop: true });
  await client.loginWithPassword("a@example.com", "x");
  assert.equal(house.service.calls.length, 2);
  assert.equal(client.user.email, "a@example.com");
});

test("a lost key ends the login: no refresh can succeed with another one", async () => {
  const reasons = [];
  const client = house.tab({ dpop: true, onLoggedOut: (reason) => reasons.push(reason) });
  await client.loginWithPassword("a@example.com", "x");
  house.service.spoil = ({ url }) => (url.endsWith("/token") ? json(400, { error: "invalid_dpop_proof" }) : undefined);
  expire();
  assert.equal(await client.getAccessToken(), null);
  assert.deepEqual(reasons, ["session_over"]);
});
