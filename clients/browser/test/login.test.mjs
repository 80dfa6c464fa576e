import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { afterEach, beforeEach, test } from "node:test";
import { API, ISSUER, browser, json, kept, pause } from "./tabs.mjs";

let house;
beforeEach(() => { house = browser(); });
afterEach(() => house.close());

const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");

/** Leaves for the login; what was asked there. */
async function left(client, options) {
  client.login(options);
  while (!location.left) await pause(1);
  return new URL(location.left).searchParams;
}

/** Comes back with `answer`; the service gives an ID token with `claims`. */
function back(asked, answer = {}, claims = {}) {
  const said = { code: "c", state: asked.get("state"), iss: ISSUER, ...answer };
  location.href = `https://app.example/?${new URLSearchParams(said)}`;
  const id = { iss: ISSUER, aud: "shop", sub: "1", nonce: asked.get("nonce"), ...claims };
  house.service.spoil = ({ url }) => {
    if (url.endsWith("/token")) {
      const tokens = { ...house.service.tokens(), access_token: `x.${part({ roles: ["cook"] })}.x` };
      return json(200, { ...tokens, id_token: `x.${part(id)}.x` });
    }
    return url.endsWith("/userinfo") ? json(200, { sub: "1", name: "Zoë", email: "z@example.com" }) : undefined;
  };
}

test("login with code, PKCE, state, nonce and iss", async () => {
  const client = house.tab();
  const asked = await left(client, { returnTo: "/cart", prompt: "login" });
  assert.equal(asked.get("code_challenge_method"), "S256");
  assert.equal(asked.get("prompt"), "login");
  back(asked);
  const [found, again] = await Promise.all([client.handleRedirect(), client.handleRedirect()]);
  const user = { id: "1", email: "z@example.com", name: "Zoë", roles: ["cook"] };
  assert.deepEqual(found, { user, returnTo: "/cart" });
  assert.equal(again, found);
  assert.equal(location.href, "https://app.example/");
  const sent = new URLSearchParams(house.service.calls.find(({ url }) => url.endsWith("/token")).text);
  const challenge = createHash("sha256").update(sent.get("code_verifier")).digest("base64url");
  assert.equal(challenge, asked.get("code_challenge"));
  assert.deepEqual(client.user, user);
  assert.equal(sessionStorage.getItem("authsvc_login"), null);
});

for (const [code, answer, claims] of [
  ["state_mismatch", { state: "x" }, {}],
  ["iss_mismatch", { iss: "https://evil.example" }, {}],
  ["access_denied", { error: "access_denied", code: "" }, {}],
  ["id_token_mismatch", {}, { nonce: "x" }],
  ["id_token_mismatch", {}, { aud: "other" }],
  ["id_token_mismatch", {}, { iss: "https://evil.example" }],
]) {
  test(`an answer is refused: ${code} ${JSON.stringify({ ...answer, ...claims })}`, async () => {
    const client = house.tab();
    back(await left(client), answer, claims);
    await assert.rejects(client.handleRedirect(), { code });
    assert.equal(client.user, null);
    assert.deepEqual(kept(), []);
  });
}

test("a code is shown again where the service did nothing, and never after a lost answer", async () => {
  for (const [trouble, times, error] of [
    [() => json(503, { error: "temporarily_unavailable" }, { "retry-after": "1" }), 2, null],
    [() => { throw new TypeError("cut"); }, 1, { code: "network" }],
    [() => json(502, {}), 1, { status: 502 }],
  ]) {
    const client = house.tab();
    back(await left(client));
    const answer = house.service.spoil;
    let first = true;
    house.service.spoil = (request) => {
      if (!first || !request.url.endsWith("/token")) return answer(request);
      first = false;
      return trouble();
    };
    house.service.calls = [];
    if (error) await assert.rejects(client.handleRedirect(), error);
    else assert.equal((await client.handleRedirect()).user.name, "Zoë");
    assert.equal(house.service.calls.filter(({ url }) => url.endsWith("/token")).length, times);
    delete location.left;
  }
});

test("without /userinfo, or with another person's, the login stands and says less", async () => {
  for (const info of [json(200, { sub: "2", name: "Eve" }), json(503, {}), new Response("<html>")]) {
    const client = house.tab();
    back(await left(client));
    const answer = house.service.spoil;
    house.service.spoil = (request) => (request.url.endsWith("/userinfo") ? info : answer(request));
    assert.deepEqual((await client.handleRedirect()).user, { id: "1", roles: ["cook"] });
    delete location.left;
  }
});

test("after a log-out, or where a fresh token was refused, the next login asks for the password; then no more", async () => {
  const prompt = async (client, options) => {
    delete location.left;
    return (await left(client, options)).get("prompt");
  };
  const client = house.tab();
  assert.equal(await prompt(client), null);
  await client.loginWithPassword("a@example.com", "b");
  await client.logout();
  assert.equal(await prompt(client), "login");
  assert.equal(await prompt(house.tab({ storage: "memory" }), { prompt: "none" }), "none");
  await client.loginWithPassword("a@example.com", "b");
  assert.equal(await prompt(client), null);
  house.service.ended = true;
  await client.fetch(`${API}/x`);
  assert.deepEqual([client.user, await prompt(client)], [null, null]); // the session's end is no wish of the person
  house.service.ended = false;
  await client.loginWithPassword("a@example.com", "b");
  house.service.spoil = ({ url }) => (url.startsWith(API) ? json(401, {}) : undefined);
  await client.fetch(`${API}/x`);
  assert.deepEqual([client.user, await prompt(client)], [null, "login"]);
});

test("on plain http other than localhost a login says why it cannot be, and begins nothing", async () => {
  const { crypto } = globalThis;
  const over = (value) => Object.defineProperty(globalThis, "crypto", { value, configurable: true });
  over({ getRandomValues: (array) => crypto.getRandomValues(array) }); // a browser has no more there
  try {
    const why = { name: "AuthError", code: "insecure_context", status: 0, temporary: false };
    await assert.rejects(house.tab().login(), why);
    await assert.rejects(house.tab({ dpop: true }).loginWithPassword("a@example.com", "b"), why);
    assert.equal(location.left, undefined);
    assert.equal(sessionStorage.getItem("authsvc_login"), null);
    assert.deepEqual(house.service.calls, []);
  } finally {
    over(crypto);
  }
});

for (const begun of [false, true]) {
  for (const [address, always] of [
    ["/?code=of-a-voucher", true],
    ["/?code=ac_1&state=x&iss=https://other.example", true],
    ["/?state=open&error=late", true],
    ["/?state=open&iss=ISSUER", true],
    ["/connected?code=ac_1&state=STATE&iss=ISSUER", true],
    ["/?code=ac_1&state=x&iss=ISSUER", false],
    ["/?error=access_denied&state=x&iss=ISSUER", false],
  ]) {
    if (begun && !always) continue;
    test(`an address that is no answer to this tab is left alone: ${address}, ${begun ? "begun" : "not begun"}`, async () => {
      const client = house.tab();
      const asked = begun ? await left(client) : new URLSearchParams({ state: "x" });
      const kept = sessionStorage.getItem("authsvc_login");
      location.href = `https://app.example${address.replace("ISSUER", ISSUER).replace("STATE", asked.get("state"))}`;
      const before = location.href;
      assert.equal(await client.handleRedirect(), null);
      assert.equal(location.href, before);
      assert.equal(sessionStorage.getItem("authsvc_login"), kept);
      assert.deepEqual(house.service.calls, []);
      if (!begun) return;
      back(asked); // the answer itself comes later, and is taken
      assert.equal((await house.tab().handleRedirect()).user.name, "Zoë");
    });
  }
}

test("a wrong password and too many of them are told apart; a password is never sent twice", async () => {
  const client = house.tab();
  house.service.spoil = () => json(401, { error: "invalid_credentials" });
  await assert.rejects(client.loginWithPassword("a", "b"), { code: "invalid_credentials", status: 401 });
  house.service.spoil = () => json(429, { error: "too_many_attempts" }, { "retry-after": "7" });
  await assert.rejects(client.loginWithPassword("a", "b"), (error) => error.temporary && error.retryAfter === 7);
  house.service.spoil = () => { throw new TypeError("cut"); };
  await assert.rejects(client.loginWithPassword("a", "b"), { code: "network" });
  assert.equal(house.service.calls.length, 3);
});

test("remember me is said, and each change is heard once", async () => {
  const client = house.tab();
  const heard = [];
  const stop = client.onChange((user) => heard.push(user?.email ?? null));
  await client.loginWithPassword("a@example.com", "b", { rememberMe: true });
  assert.equal(JSON.parse(house.service.calls[0].text).remember_me, true);
  assert.equal(await client.logout(), true);
  assert.deepEqual(house.service.logouts, ["r1"]);
  stop();
  await client.loginWithPassword("b@example.com", "b");
  assert.deepEqual(heard, ["a@example.com", null]);
});

test("log-out offline: gone here, and said that the service did not hear", async () => {
  const client = house.tab();
  await client.loginWithPassword("a@example.com", "b");
  house.service.spoil = () => { throw new TypeError("offline"); };
  assert.equal(await client.logout(), false);
  assert.deepEqual(kept(), []);
});

for (const storage of ["memory", "session"]) {
  test(`log-out in one tab logs out all: ${storage}`, async () => {
    const reasons = [];
    const one = house.tab({ storage });
    globalThis.sessionStorage = new (sessionStorage.constructor)();
    const other = house.tab({ storage, onLoggedOut: (reason) => reasons.push(reason) });
    await one.loginWithPassword("a@example.com", "b");
    house.service.generation = 2; // a login of its own
    await other.loginWithPassword("a@example.com", "b");
    await one.logout();
    while (house.service.logouts.length < 2) await pause(1);
    assert.deepEqual(house.service.logouts, ["r1", "r2"]);
    assert.equal(other.user, null);
    assert.deepEqual(reasons, ["elsewhere"]);
  });
}

test("each storage keeps what it says", async () => {
  for (const [storage, local, session] of [["memory", 0, 0], ["session", 0, 5], ["local", 4, 0]]) {
    const client = house.tab({ storage });
    await client.loginWithPassword("a@example.com", "b");
    assert.deepEqual([kept().length, kept(sessionStorage).length], [local, session], storage);
    for (const place of [localStorage, sessionStorage]) place.kept.clear();
    client.close();
  }
});

test("old keys are migrated once, one's own first", () => {
  for (const [key, value] of Object.entries({
    admin_token: "old-admin", admin_user: '{"name":"Ada"}', bartender_token: "old-bar", bartender: '{"name":"Bo"}',
  })) localStorage.setItem(key, value);
  const client = house.tab({ clientId: "bartender" });
  assert.deepEqual(client.user, { name: "Bo" });
  assert.deepEqual(Object.fromEntries(localStorage.kept), { access_token: "old-bar", user: '{"name":"Bo"}' });
  localStorage.setItem("bartender_token", "older");
  assert.equal(house.tab({ clientId: "bartender" }).user.name, "Bo");
  assert.deepEqual(Object.fromEntries(localStorage.kept), { access_token: "old-bar", user: '{"name":"Bo"}' });
});

test("a migrated token without a refresh token serves until it is refused", async () => {
  localStorage.setItem("admin_token", "a1");
  localStorage.setItem("admin_user", "not JSON");
  const reasons = [];
  const client = house.tab({ clientId: "admin", onLoggedOut: (reason) => reasons.push(reason) });
  assert.equal((await client.fetch(`${ISSUER}/x`)).status, 200);
  house.service.ended = true;
  assert.equal((await client.fetch(`${ISSUER}/x`)).status, 401);
  assert.deepEqual(reasons, ["session_over"]);
});

test("ending another session after an old login says what to ask for; nothing is refreshed, nobody is logged out", async () => {
  const client = house.tab();
  await client.loginWithPassword("a@example.com", "x");
  house.service.spoil = (request) => request.method === "DELETE" && json(
    401, { error: "insufficient_user_authentication", error_description: "old" },
    { "www-authenticate": 'Bearer realm="authsvc", error="insufficient_user_authentication", max_age="900"' },
  );
  for (const work of [() => client.endSession("1"), () => client.endOtherSessions()]) {
    await assert.rejects(work, { code: "insufficient_user_authentication", status: 401, maxAge: "900", temporary: false });
  }
  assert.deepEqual(house.service.refreshes, []);
  assert.equal(client.user.email, "a@example.com");
});

test("a login by password asks for a second factor where the service wants one", async () => {
  const refused = { error: "mfa_required", mfa_challenge: "sealed", ways: ["otp", "recovery_code"], expires_in: 300 };
  house.service.spoil = ({ url }) => {
    if (url.endsWith("/api/auth/login")) return json(401, refused);
    if (url.endsWith("/second")) return json(200, { ...house.service.tokens(), user: { id: "1", email: "a@b.example" } });
    return undefined;
  };
  const client = house.tab();
  const secondFactor = async (ways) => ({ way: ways[0], code: "123456" });
  const user = await client.loginWithPassword("a@b.example", "secret", { secondFactor });
  assert.equal(user.id, "1");
  const [first, second] = house.service.calls.map(({ text }) => JSON.parse(text));
  assert.equal(first.secondFactor, undefined);
  assert.deepEqual(second, { client_id: "shop", way: "otp", code: "123456", mfa_challenge: "sealed" });
});

test("without somebody to ask, a second factor that is needed is an error with the ways on", async () => {
  const refused = { error: "mfa_required", mfa_challenge: "sealed", ways: ["otp"], expires_in: 300 };
  house.service.spoil = () => json(401, refused);
  await assert.rejects(house.tab().loginWithPassword("a@b.example", "secret"), { code: "mfa_required", said: refused });
});
