// axios itself, where AXIOS names its module (tests/browser/test_module.py does); else a fake of the part that is used.
import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { API, ISSUER, browser, expire, json } from "./tabs.mjs";

const { default: axios } = process.env.AXIOS ? await import(process.env.AXIOS) : { default: null };
const options = { skip: axios ? false : "axios is not installed: nothing was tried with it" };
let house;
beforeEach(() => { house = browser(); });
afterEach(() => house.close());

/** An instance whose requests go to the fake service. */
function instance() {
  const adapter = async (config) => {
    const url = axios.getUri(config);
    const got = await fetch(url, { method: config.method, headers: { ...config.headers }, body: config.data });
    const response = {
      status: got.status, headers: Object.fromEntries(got.headers), data: await got.text(), config, request: {},
    };
    if (got.ok) return response;
    throw new axios.AxiosError("refused", "ERR_BAD_REQUEST", config, {}, response);
  };
  return axios.create({ baseURL: API, adapter });
}

test("a refused token is renewed once for all, and the request sent once more, with its body", options, async () => {
  const client = house.tab();
  await client.loginWithPassword("a@example.com", "x");
  const http = instance();
  client.axios(http);
  house.service.generation = 2;
  const answers = await Promise.all(Array.from({ length: 10 }, (_, n) => http.post(`/${n}`, { n })));
  assert.deepEqual(answers.map(({ data }) => JSON.parse(data.text).n), Array.from({ length: 10 }, (_, n) => n));
  assert.deepEqual(house.service.refreshes, [1]);
  expire();
  await http.get("/x", { params: { q: 1 } });
  assert.deepEqual(house.service.refreshes, [1, 2]);
});

test("the token goes to the named origins alone, and after eject to none", options, async () => {
  const client = house.tab();
  await client.loginWithPassword("a@example.com", "x");
  const http = instance();
  const eject = client.axios(http);
  await http.get("/x");
  await http.get("https://other.example/x").catch(() => {});
  eject();
  await http.get("/x").catch(() => {});
  const sent = house.service.calls.slice(1).map(({ headers }) => headers.get("authorization"));
  assert.deepEqual(sent, ["Bearer a1", null, null]);
});

test("a fresh token that is refused too ends the login; another error does not", options, async () => {
  const reasons = [];
  const client = house.tab({ onLoggedOut: (reason) => reasons.push(reason) });
  await client.loginWithPassword("a@example.com", "x");
  const http = instance();
  client.axios(http);
  house.service.spoil = ({ url }) => (url.startsWith(API) ? json(500, {}) : undefined);
  await assert.rejects(http.get("/x"), ({ response }) => response.status === 500);
  assert.deepEqual(reasons, []);
  house.service.spoil = ({ url }) => (url.startsWith(API) ? json(401, {}) : undefined);
  await assert.rejects(http.get("/x"), ({ response }) => response.status === 401);
  assert.deepEqual(reasons, ["refused"]);
  assert.deepEqual(house.service.refreshes, [1]);
});

test("the proof is made anew with the server's nonce", options, async () => {
  const client = house.tab({ dpop: true });
  await client.loginWithPassword("a@example.com", "x");
  const http = instance();
  client.axios(http);
  house.service.spoil = ({ url, headers, method }) => {
    if (!url.startsWith(API)) return undefined;
    const proof = JSON.parse(Buffer.from(headers.get("dpop").split(".")[1], "base64url"));
    assert.deepEqual([proof.htm, proof.htu], [method, `${API}/x`]);
    return proof.nonce === "n1" ? json(200, {})
      : json(401, {}, { "dpop-nonce": "n1", "www-authenticate": 'DPoP error="use_dpop_nonce"' });
  };
  assert.equal((await http.post("/x?q=1", { n: 1 })).status, 200);
  assert.equal((await http.get("/x")).status, 200);
  const sent = house.service.calls.filter(({ url }) => url.startsWith(API));
  assert.equal(sent.length, 3);
  assert.ok(sent.every(({ headers }) => headers.get("authorization") === "DPoP a1"));
  assert.ok(sent.every(({ url }) => !url.startsWith(ISSUER)));
});
