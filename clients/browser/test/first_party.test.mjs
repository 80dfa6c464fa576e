import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { afterEach, beforeEach, test } from "node:test";
import { browser, json, kept } from "./tabs.mjs";

const source = readFileSync(new URL("../../../authsvc/web/pages/static/authsvc-first-party.js", import.meta.url), "utf8");
const more = await import(`data:text/javascript,${encodeURIComponent(source)}`);
const { hasPasskeys, loginWithPasskey, requestLogin, requestReset, requestSignUp, withPasskey } = more;

let house, asked;
const raw = (...numbers) => new Uint8Array(numbers).buffer;
const OPTIONS = {
  challenge: "-_8B", timeout: 300000, rpId: "app.example", userVerification: "required",
  allowCredentials: [{ type: "public-key", id: "AQI", transports: ["internal"] }],
};

beforeEach(() => {
  house = browser();
  asked = [];
  globalThis.PublicKeyCredential = class {};
  navigator.credentials = {
    async get(options) {
      asked.push(options);
      const response = { clientDataJSON: raw(1), authenticatorData: raw(2), signature: raw(251, 255), userHandle: null };
      return { id: "AQI", rawId: raw(1, 2), type: "public-key", response };
    },
  };
});
afterEach(() => {
  delete globalThis.PublicKeyCredential;
  house.close();
});

/** What was posted to a path of the service. */
const posted = (path) => house.service.calls.filter(({ url }) => url.endsWith(path)).map(({ text }) => JSON.parse(text));
const serve = (answers) => {
  house.service.spoil = ({ url }) => {
    const answer = answers[new URL(url).pathname];
    return typeof answer === "function" ? answer() : answer?.clone();
  };
};
const CREDENTIAL = {
  id: "AQI", rawId: "AQI", type: "public-key",
  response: { clientDataJSON: "AQ", authenticatorData: "Ag", signature: "-_8", userHandle: null },
};

test("a passkey logs in as a password does", async () => {
  const user = { id: "1", email: "ann@example.com", roles: [] };
  serve({
    "/api/auth/passkey/options": json(200, { options: OPTIONS, passkey_challenge: "sealed" }),
    "/api/auth/passkey": json(200, { ...house.service.tokens(), user }),
  });
  const client = house.tab();
  assert.deepEqual(await loginWithPasskey(client, { rememberMe: true, deviceInfo: "Till", mediation: "conditional" }), user);
  const [{ publicKey, mediation }] = asked;
  assert.equal(mediation, "conditional");
  assert.deepEqual([...publicKey.challenge], [251, 255, 1]);
  assert.deepEqual([...publicKey.allowCredentials[0].id], [1, 2]);
  assert.equal(publicKey.userVerification, "required");
  assert.deepEqual(posted("/api/auth/passkey"), [{
    client_id: "shop", passkey_challenge: "sealed", credential: CREDENTIAL, remember_me: true, device_info: "Till",
  }]);
  assert.equal(client.user.email, "ann@example.com");
  assert.equal(await client.getAccessToken(), "a1");
});

test("who thinks better of it is not logged in, and the service is not asked again", async () => {
  serve({ "/api/auth/passkey/options": json(200, { options: OPTIONS, passkey_challenge: "sealed" }) });
  navigator.credentials.get = async () => { throw new DOMException("no", "NotAllowedError"); };
  const client = house.tab();
  await assert.rejects(loginWithPasskey(client), { name: "NotAllowedError" });
  assert.deepEqual([client.user, kept(), posted("/api/auth/passkey")], [null, [], []]);
});

test("a browser without passkeys says so", () => {
  assert.equal(hasPasskeys(), true);
  delete globalThis.PublicKeyCredential;
  assert.equal(hasPasskeys(), false);
});

test("a passkey is the second factor of a password", async () => {
  const needed = { error: "mfa_required", mfa_challenge: "m", ways: ["passkey"], passkey: { options: OPTIONS } };
  serve({
    "/api/auth/login": json(401, needed),
    "/api/auth/login/second": json(200, { ...house.service.tokens(), user: { id: "1" } }),
  });
  const client = house.tab();
  const secondFactor = ([way], said) => withPasskey(way, said);
  await client.loginWithPassword("ann@example.com", "secret", { secondFactor });
  const [{ credential, ...others }] = posted("/api/auth/login/second");
  assert.deepEqual(JSON.parse(credential), CREDENTIAL);
  assert.deepEqual(others, { client_id: "shop", way: "passkey", mfa_challenge: "m" });
});

test("a mailed code logs in as a password does", async () => {
  const user = { id: "1", email: "ann@example.com", roles: [] };
  serve({
    "/api/auth/login/mail": json(200, { mail_challenge: "m", expires_in: 900 }),
    "/api/auth/login/mail/finish": json(200, { ...house.service.tokens(), user }),
  });
  const client = house.tab();
  const pending = await requestLogin(client, "ann@example.com", { rememberMe: true, deviceInfo: "Till" });
  assert.deepEqual([client.user, kept()], [null, []], "asking logs nobody in");
  assert.deepEqual(await pending.login("1234 5678"), user);
  const wish = { client_id: "shop", email: "ann@example.com", remember_me: true, device_info: "Till" };
  assert.deepEqual(posted("/api/auth/login/mail"), [wish]);
  assert.deepEqual(posted("/api/auth/login/mail/finish"), [{ client_id: "shop", mail_challenge: "m", code: "1234 5678" }]);
  assert.equal(await client.getAccessToken(), "a1");
});

test("after a wrong code the right one logs in, with the second factor where it is needed", async () => {
  const answers = [
    json(401, { error: "invalid_credentials" }), json(401, { error: "mfa_required", mfa_challenge: "f", ways: ["otp"] }),
  ];
  serve({
    "/api/auth/login/mail": json(200, { mail_challenge: "m", expires_in: 900 }),
    "/api/auth/login/mail/finish": () => answers.shift(),
    "/api/auth/login/second": json(200, { ...house.service.tokens(), user: { id: "1" } }),
  });
  const client = house.tab();
  const pending = await requestLogin(client, "ann@example.com");
  await assert.rejects(pending.login("1"), { code: "invalid_credentials" });
  assert.deepEqual(await pending.login("2", { secondFactor: async ([way]) => ({ way, code: "123456" }) }), { id: "1" });
  const sent = { client_id: "shop", way: "otp", code: "123456", mfa_challenge: "f" };
  assert.deepEqual(posted("/api/auth/login/second"), [sent]);
});

test("an account is made by a code, and nobody is logged in", async () => {
  const answers = [json(400, { error: "password_refused" }), new Response(null, { status: 204 })];
  serve({
    "/api/auth/signup": json(200, { signup_challenge: "s", expires_in: 900 }),
    "/api/auth/signup/finish": () => answers.shift(),
  });
  const client = house.tab();
  const pending = await requestSignUp(client, "ann@example.com");
  await assert.rejects(pending.signUp("1", "Ann", "ann"), { code: "password_refused" });
  assert.equal(await pending.signUp("1", "Ann", "a good one"), undefined);
  assert.deepEqual(posted("/api/auth/signup"), [{ client_id: "shop", email: "ann@example.com" }]);
  const sent = { client_id: "shop", signup_challenge: "s", code: "1", name: "Ann" };
  assert.deepEqual(posted("/api/auth/signup/finish"), ["ann", "a good one"].map((new_password) => ({ ...sent, new_password })));
  assert.deepEqual([client.user, kept()], [null, []]);
});

test("a password is chosen by a code, and nobody is logged in", async () => {
  serve({
    "/api/auth/reset": json(200, { reset_challenge: "r", expires_in: 900 }),
    "/api/auth/reset/finish": () => new Response(null, { status: 204 }),
  });
  const client = house.tab();
  const pending = await requestReset(client, "ann@example.com");
  assert.equal(await pending.reset("1234 5678", "a new one"), undefined);
  assert.deepEqual(posted("/api/auth/reset"), [{ client_id: "shop", email: "ann@example.com" }]);
  const sent = { client_id: "shop", reset_challenge: "r", code: "1234 5678", new_password: "a new one" };
  assert.deepEqual(posted("/api/auth/reset/finish"), [sent]);
  assert.deepEqual([client.user, kept()], [null, []]);
});

test("after a right code another password needs no code", async () => {
  const answers = [
    json(401, { error: "invalid_credentials" }), json(400, { error: "password_refused", reset_challenge: "r2" }),
    new Response(null, { status: 204 }),
  ];
  serve({
    "/api/auth/reset": json(200, { reset_challenge: "r1", expires_in: 900 }),
    "/api/auth/reset/finish": () => answers.shift(),
  });
  const pending = await requestReset(house.tab(), "ann@example.com");
  await assert.rejects(pending.reset("1", "ann"), { code: "invalid_credentials" });
  assert.equal(pending.codeWasRight, false);
  await assert.rejects(pending.reset("2", "ann"), { code: "password_refused" });
  assert.equal(pending.codeWasRight, true);
  await pending.reset("2", "a better one");
  const sent = posted("/api/auth/reset/finish").map(({ reset_challenge, code }) => [reset_challenge, code]);
  assert.deepEqual(sent, [["r1", "1"], ["r1", "2"], ["r2", undefined]]);
});

test("a second factor is asked for before the password is changed", async () => {
  serve({
    "/api/auth/reset": json(200, { reset_challenge: "r", expires_in: 900 }),
    "/api/auth/reset/finish": json(401, { error: "mfa_required", mfa_challenge: "m", ways: ["otp"] }),
    "/api/auth/reset/second": () => new Response(null, { status: 204 }),
  });
  const pending = await requestReset(house.tab(), "ann@example.com");
  await assert.rejects(pending.reset("1", "a new one"), { code: "mfa_required" });
  await pending.reset("1", "a new one", { secondFactor: async ([way]) => ({ way, code: "123456" }) });
  const sent = { client_id: "shop", way: "otp", code: "123456", mfa_challenge: "m", new_password: "a new one" };
  assert.deepEqual(posted("/api/auth/reset/second"), [sent]);
});
