import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { afterEach, beforeEach, test } from "node:test";
import { API, ISSUER, browser, json, pause } from "./tabs.mjs";

const source = readFileSync(new URL("../../../authsvc/web/pages/static/authsvc-step-up.js", import.meta.url), "utf8");
const { withStepUp } = await import(`data:text/javascript,${encodeURIComponent(source)}`);
const MFA = "urn:authsvc:acr:mfa";
const CHALLENGE = `Bearer error="insufficient_user_authentication", acr_values="${MFA}", max_age="300"`;

let house;
beforeEach(() => { house = browser(); });
afterEach(() => house.close());

const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");

/** A service that wants a second factor of who has the token `poor`. */
function demanding(poor = "Bearer a1") {
  house.service.spoil = ({ url, headers }, text) => {
    if (!url.startsWith(API)) return undefined;
    return headers.get("authorization") === poor
      ? json(401, { error: "insufficient_user_authentication" }, { "www-authenticate": CHALLENGE })
      : json(200, { sent: text });
  };
}

async function logged(options) {
  const client = withStepUp(house.tab(options));
  await client.loginWithPassword("ann@example.com", "secret");
  return client;
}

async function left(work) {
  location.left = undefined;
  work();
  while (!location.left) await pause(1);
  return new URL(location.left).searchParams;
}

/** The page again, after the login that was asked for. */
function back(asked, answer = {}) {
  location.href = `https://app.example/?${new URLSearchParams({ code: "c", state: asked.get("state"), iss: ISSUER, ...answer })}`;
  const id = { iss: ISSUER, aud: "shop", sub: "1", nonce: asked.get("nonce") };
  const before = house.service.spoil;
  house.service.spoil = (request, text) => {
    if (request.url.endsWith("/token")) {
      const rich = `x.${part({ roles: [] })}.x`;
      return json(200, { ...house.service.tokens(), access_token: rich, id_token: `x.${part(id)}.x` });
    }
    return request.url.endsWith("/userinfo") ? json(200, { sub: "1" }) : before(request, text);
  };
  return withStepUp(house.tab());
}

const ORDER = { method: "POST", body: '{"drink":"tea"}', headers: { "content-type": "application/json" } };

test("a refused request leads to the login that is wanted, and is sent again afterwards", async () => {
  demanding();
  const client = await logged();
  const asked = await left(() => client.fetch(`${API}/orders`, ORDER));
  assert.equal(asked.get("acr_values"), MFA);
  assert.equal(asked.get("max_age"), "300");
  const again = back(asked);
  const { response, user } = await again.handleRedirect();
  assert.equal(user.id, "1");
  assert.deepEqual(await response.json(), { sent: ORDER.body });
  assert.equal(await again.handleRedirect(), await again.handleRedirect());
  const sent = house.service.calls.filter(({ url }) => url === `${API}/orders`);
  assert.deepEqual(sent.map(({ method, text }) => [method, text]), [["POST", ORDER.body], ["POST", ORDER.body]]);
  assert.equal(sent[1].headers.get("content-type"), "application/json");
  assert.ok(!sessionStorage.getItem("authsvc_step_up").includes("tea"), "what was sent is not kept");
});

test("who cannot step up gets the answer, and no second login", async () => {
  demanding();
  const client = await logged();
  const asked = await left(() => client.fetch(`${API}/orders`));
  house.service.spoil = () => undefined;
  const again = back(asked);
  demandingStill();
  const { response } = await again.handleRedirect();
  assert.equal(response.status, 401);
  assert.equal((await again.fetch(`${API}/orders`)).status, 401);
});

function demandingStill() {
  const before = house.service.spoil;
  house.service.spoil = (request, text) => request.url.startsWith(API)
    ? json(401, {}, { "www-authenticate": CHALLENGE })
    : before(request, text);
}

test("a login that was refused forgets the request", async () => {
  demanding();
  const client = await logged();
  const asked = await left(() => client.fetch(`${API}/orders`, ORDER));
  const again = back(asked, { error: "access_denied", code: "" });
  await assert.rejects(again.handleRedirect(), { code: "access_denied" });
  assert.equal(sessionStorage.getItem("authsvc_step_up"), null);
});

test("a body that is no text is not sent again, and other answers are the app's", async () => {
  demanding();
  const client = await logged();
  const asked = await left(() => client.fetch(`${API}/pictures`, { method: "PUT", body: new Blob(["x"], { type: "image/png" }) }));
  const { response } = await back(asked).handleRedirect();
  assert.equal(response, undefined);
  house.service.spoil = () => json(401, {}, { "www-authenticate": 'Bearer error="insufficient_scope"' });
  assert.equal((await client.fetch(`${API}/orders`)).status, 401);
});

test("all else is the client's own", async () => {
  const client = await logged();
  assert.equal(client.user.email, "ann@example.com");
  assert.equal(await client.getAccessToken(), "a1");
});
