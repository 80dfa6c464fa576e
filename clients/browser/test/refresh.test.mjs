import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { API, ISSUER, browser, duplicateSession, expire, json, kept, pause } from "./tabs.mjs";

let house;
beforeEach(() => { house = browser(); });
afterEach(() => house.close());

const loggedIn = async (options) => {
  const client = house.tab(options);
  await client.loginWithPassword("a@example.com", "x");
  return client;
};

test("a token is used while it lives, and renewed ahead of its end", async () => {
  const client = await loggedIn();
  assert.equal(await client.getAccessToken(), "a1");
  house.jump(1745_000); // 55 of 1800 s are left: in the background
  assert.equal(await client.getAccessToken(), "a1");
  while (await client.getAccessToken() !== "a2") await pause(1);
  assert.deepEqual(house.service.refreshes, [1]);
});

test("expired, forty calls in five tabs: one refresh, no failed call", async () => {
  const tabs = [await loggedIn(), ...Array.from({ length: 4 }, () => house.tab())];
  expire();
  const answers = await Promise.all(Array.from({ length: 40 }, (_, n) => tabs[n % 5].fetch(`${API}/${n}`)));
  assert.deepEqual(answers.map(({ status }) => status), Array(40).fill(200));
  assert.deepEqual(house.service.refreshes, [1]);
});

test("a refused token is renewed, and the request sent once more, with its body", async () => {
  const client = await loggedIn();
  house.service.generation = 2; // the service takes a1 no more
  const answer = await client.fetch(`${API}/x`, { method: "POST", body: "hello" });
  assert.deepEqual(await answer.json(), { path: "/x", text: "hello" });
  assert.equal(house.service.calls.filter(({ url }) => url === `${API}/x`).length, 2);
});

test("without Web Locks a lease in localStorage does the same, and a dead tab's lease runs out", async () => {
  house.close();
  house = browser({ locks: false });
  const tabs = [await loggedIn(), house.tab(), house.tab()];
  const name = `authsvc ${ISSUER} shop`;
  localStorage.setItem(name, JSON.stringify({ mine: "dead", until: Date.now() + 150 }));
  expire();
  const begun = Date.now();
  assert.deepEqual(await Promise.all(tabs.map((tab) => tab.getAccessToken())), ["a2", "a2", "a2"]);
  assert.ok(Date.now() - begun >= 150);
  assert.deepEqual(house.service.refreshes, [1]);
  while (localStorage.getItem(name) !== null) await pause(1);
});

test("no answer, 5xx, a captive portal: the same refresh token again, and nobody is logged out", async () => {
  const troubles = [
    (service, text) => { service.refresh(new URLSearchParams(text)); throw new TypeError("cut"); }, // done, and not heard
    () => json(503, { error: "temporarily_unavailable" }, { "retry-after": "1" }),
    () => new Response("<html>Welcome to the hotel</html>", { status: 200 }),
  ];
  for (const trouble of troubles) {
    const client = await loggedIn();
    house.service.refreshes = [];
    let left = 1;
    house.service.spoil = ({ url }, text) => (url.endsWith("/token") && left-- > 0 ? trouble(house.service, text) : undefined);
    const before = house.service.generation;
    expire();
    assert.equal(await client.getAccessToken(), `a${before + 1}`);
    assert.ok(house.service.refreshes.every((sent) => sent === before), String(house.service.refreshes));
    assert.notEqual(client.user, null);
    client.close();
  }
});

test("offline: a temporary error; back after a day: still logged in", async () => {
  const client = await loggedIn();
  house.jump(86_400_000);
  house.service.spoil = () => { throw new TypeError("offline"); };
  await assert.rejects(client.getAccessToken(), (error) => error.temporary && error.code === "network");
  await assert.rejects(client.fetch(`${API}/x`), (error) => error.temporary);
  assert.equal(client.user.email, "a@example.com");
  house.service.spoil = () => undefined;
  assert.equal((await client.fetch(`${API}/x`)).status, 200);
});

test("offline just before the end: the token that still lives is given", async () => {
  const client = await loggedIn();
  house.jump(1799_000 - 10_000);
  house.service.spoil = () => { throw new TypeError("offline"); };
  assert.equal(await client.getAccessToken(), "a1");
});

test("a clock that is wrong by years harms nothing", async () => {
  house.jump(-10 * 365 * 86_400_000);
  const client = await loggedIn();
  assert.equal(await client.getAccessToken(), "a1");
  assert.deepEqual(house.service.refreshes, []);
});

test("invalid_grant ends the login once, whatever is in flight", async () => {
  const reasons = [];
  const client = await loggedIn({ onLoggedOut: (reason) => reasons.push(reason) });
  house.service.ended = true;
  const answers = await Promise.all(Array.from({ length: 10 }, () => client.fetch(`${API}/x`)));
  assert.deepEqual(answers.map(({ status }) => status), Array(10).fill(401));
  assert.deepEqual(reasons, ["session_over"]);
  assert.equal(client.user, null);
  assert.equal(await client.getAccessToken(), null);
  assert.deepEqual(kept(), []);
});

test("who is told to wait for long does not try again at once", async () => {
  const client = await loggedIn();
  house.service.spoil = ({ url }) => (url.endsWith("/token") ? json(429, {}, { "retry-after": "60" }) : undefined);
  expire();
  await assert.rejects(client.getAccessToken(), (error) => error.temporary && error.retryAfter === 60);
  assert.equal(house.service.calls.filter(({ url }) => url.endsWith("/token")).length, 1);
});

test("another error of the token endpoint logs nobody out", async () => {
  const client = await loggedIn();
  house.service.spoil = ({ url }) => (url.endsWith("/token") ? json(401, { error: "invalid_client" }) : undefined);
  expire();
  await assert.rejects(client.getAccessToken(), (error) => error.code === "invalid_client" && !error.temporary);
  assert.notEqual(client.user, null);
});

test("a fresh token that is refused too ends the login; a challenge for something else does not", async () => {
  const reasons = [];
  const client = await loggedIn({ onLoggedOut: (reason) => reasons.push(reason) });
  const challenge = (error) => json(401, {}, { "www-authenticate": `Bearer error="${error}"` });
  house.service.spoil = ({ url }) => (url.startsWith(API) ? challenge("insufficient_user_authentication") : undefined);
  assert.equal((await client.fetch(`${API}/x`)).status, 401);
  assert.deepEqual([reasons, house.service.refreshes], [[], []]);
  house.service.spoil = ({ url }) => (url.startsWith(API) ? challenge("invalid_token") : undefined);
  assert.equal((await client.fetch(`${API}/x`)).status, 401);
  assert.deepEqual([reasons, house.service.refreshes], [["refused"], [1]]);
});

test("the token goes to the named origins and to no other", async () => {
  const client = await loggedIn();
  for (const url of [`${API}/x`, `${ISSUER}/x`, "https://api.example.evil/x", "http://api.example/x", "https://api.example:444/x"]) {
    await client.fetch(url);
  }
  const sent = house.service.calls.slice(1).map(({ headers }) => headers.get("authorization"));
  assert.deepEqual(sent, ["Bearer a1", "Bearer a1", null, null, null]);
  await client.fetch(`${API}/x`, { headers: { authorization: "Basic own" } });
  assert.equal(house.service.calls.at(-1).headers.get("authorization"), "Basic own");
});

test("a log-out while a refresh is on its way stays a log-out", async () => {
  const client = await loggedIn();
  const other = house.tab();
  expire();
  const asked = client.getAccessToken();
  await other.logout();
  assert.equal(await asked, null);
  assert.deepEqual(kept(), []);
});

test("while a tab waited to try again, another one went on: the old token is not sent again", async () => {
  const client = await loggedIn();
  const other = house.tab();
  let refused = 0;
  house.service.spoil = ({ url }) => (url.endsWith("/token") && ++refused ? json(503, {}, { "retry-after": "1" }) : undefined);
  expire();
  const asked = client.getAccessToken();
  while (!refused) await pause(1);
  house.service.spoil = () => undefined;
  for (const n of [2, 3, 4]) { // without the lock: as if this tab had been frozen while it held it
    house.service.generation = n;
    localStorage.setItem("refresh_token", `r${n}`);
    localStorage.setItem("access_token", `a${n}`);
  }
  localStorage.setItem("access_token_times", JSON.stringify([Date.now() + 60_000, Date.now() + 90_000]));
  assert.equal(await asked, "a4");
  assert.deepEqual(house.service.refreshes, []);
  assert.equal((await other.fetch(`${API}/x`)).status, 200);
});

test("a duplicated tab that slept goes on from the newest token, also where the other one is closed", async () => {
  const client = await loggedIn({ storage: "session" });
  const copy = duplicateSession();
  for (const n of [2, 3, 4, 5]) {
    house.service.generation = n; // an access token that is taken no more
    assert.equal((await client.fetch(`${API}/x`)).status, 200);
  }
  client.close();
  const duplicate = house.tab({ storage: "session" });
  assert.equal(copy.getItem("refresh_token"), "r1");
  assert.equal((await duplicate.fetch(`${API}/x`)).status, 200);
  assert.equal(house.service.ended, false);
  assert.deepEqual(house.service.refreshes, [1, 2, 3, 4]);
});

test("what tabs leave for their duplicates tells nobody else anything, and brings no login back", async () => {
  const client = await loggedIn({ storage: "session" });
  const copy = duplicateSession();
  const duplicate = house.tab({ storage: "session" });
  house.service.generation = 2;
  await client.fetch(`${API}/x`);
  const [slot] = kept();
  assert.match(slot, /^authsvc https:\/\/auth\.example shop [\w-]$/);
  assert.match(localStorage.getItem(slot), /^[\w-]{100,}$/);
  assert.ok(!Buffer.from(localStorage.getItem(slot), "base64url").includes("r2"));
  const asked = duplicate.fetch(`${API}/x`);
  await duplicate.logout();
  await asked;
  assert.equal(await duplicate.getAccessToken(), null);
  assert.deepEqual(kept(copy), []);
});
