// auth.fetch and axios, the real one: what they do when a token expires or is refused; and with a key (DPoP).
import { job, logIn, playAll } from "./stage.mjs";
import { calls, loggedIn, person, ready, sessionOf, standingOf, wrongClock } from "./people.mjs";

const ME = `${job.issuer}/api/profile/me`;

/** In the page: `send(url, method)` with this wrapper, giving the status. */
const wrapped = (tab, wrapper) => tab.evaluate(async (wrapper) => {
  const { default: axios } = await import("/axios.js");
  const http = axios.create();
  auth.axios(http);
  window.send = wrapper === "fetch"
    ? async (url, method = "GET") => (await auth.fetch(url, { method })).status
    : (url, method = "GET") => http({ url, method }).then(({ status }) => status, ({ response }) => response.status);
}, wrapper);

const ten = (tab) => tab.evaluate((url) => Promise.all(Array.from({ length: 10 }, () => send(url))), ME);

/** The service takes this access token no more, as if it had expired. */
const worthless = async (tab) => {
  const token = await tab.evaluate(() => auth.getAccessToken());
  const form = new URLSearchParams({ client_id: "house", token });
  const answer = await fetch(`${job.issuer}/revoke`, { method: "POST", body: form });
  if (!answer.ok) throw new Error(await answer.text());
};

async function wrapper(name, dpop) {
  const someone = await person();
  await someone.context.addInitScript(wrongClock, 0);
  const path = `/house/local${dpop ? "/dpop" : ""}`;
  const [tab] = await loggedIn(someone, path);
  await wrapped(tab, name);
  const sent = [];
  someone.context.on("request", (request) => {
    if (request.url() === ME && request.method() === "GET") sent.push(request.headers().authorization?.split(" ")[0] ?? null);
  });
  const said = { fresh: await ten(tab), sent: sent.splice(0), before: someone.refreshes.length };
  await tab.evaluate(() => { shift = 3600_000; });
  said.ahead = [await ten(tab), sent.splice(0).length, someone.refreshes.length];
  await worthless(tab);
  said.refused = [await ten(tab), sent.splice(0).length, someone.refreshes.length];
  // Elsewhere the token does not go.
  const elsewhere = someone.context.waitForEvent("request", (one) => one.url() === `${job.app}/elsewhere`);
  await tab.evaluate((url) => send(url), `${job.app}/elsewhere`);
  said.elsewhere = (await elsewhere).headers().authorization ?? null;
  // Something else is wrong with the request: nobody is logged out, nothing is tried again.
  sent.length = 0;
  said.other = [await tab.evaluate((url) => send(url, "DELETE"), `${job.issuer}/api/auth/sessions/x`), await standingOf(tab)];
  // A fresh token is refused, too: that is final.
  await someone.context.route(ME, (route) => route.fulfill({ status: 401, headers: {
    "access-control-allow-origin": job.app, "access-control-expose-headers": "www-authenticate",
    "www-authenticate": 'Bearer error="invalid_token"',
  } }));
  const refreshed = someone.refreshes.length;
  said.final = [await tab.evaluate((url) => send(url), ME), someone.refreshes.length - refreshed, await standingOf(tab)];
  return said;
}

/** A key that cannot leave the browser: login, calls, refreshes, reloads; and what happens when it is gone. */
async function key(hosted) {
  const someone = await person();
  const path = "/bound/local/dpop";
  let tab;
  if (hosted) {
    tab = await someone.open(path, someone.page);
    await tab.evaluate(() => { auth.login(); });
    await tab.waitForURL((url) => url.origin === job.issuer);
    await logIn(tab, "test@example.com");
    await tab.waitForURL((url) => url.origin === job.app);
    await ready(tab);
  } else {
    [tab] = await loggedIn(someone, path);
  }
  const claims = () => tab.evaluate(async () => JSON.parse(atob((await auth.getAccessToken()).split(".")[1]
    .replace(/-/g, "+").replace(/_/g, "/"))).cnf.jkt);
  const expire = () => tab.evaluate(() => { localStorage.access_token_times = "[0,0]"; });
  const said = { keys: [await claims()], statuses: await calls([tab], 4) };
  for (let n = 0; n < 2; n += 1) {
    await expire();
    said.statuses.push(...await calls([tab], 2));
    said.keys.push(await claims());
    await tab.reload();
    await ready(tab);
    said.statuses.push(...await calls([tab], 2));
  }
  said.extractable = await tab.evaluate(async () => {
    const database = await new Promise((resolve) => { indexedDB.open("authsvc", 1).onsuccess = ({ target }) => resolve(target.result); });
    const keys = await new Promise((resolve) => {
      database.transaction("keys").objectStore("keys").getAll().onsuccess = ({ target }) => resolve(target.result);
    });
    const { privateKey } = keys[0];
    return [keys.length, privateKey.extractable,
      await crypto.subtle.exportKey("jwk", privateKey).then(() => "exported", () => "refused")];
  });
  const stolen = await tab.evaluate(() => ({ ...localStorage }));
  const as = (scheme) => fetch(`${job.issuer}/api/profile/me`, { headers: { authorization: `${scheme} ${stolen.access_token}` } });
  const form = { grant_type: "refresh_token", client_id: "bound", refresh_token: stolen.refresh_token };
  const answer = await fetch(`${job.issuer}/token`, { method: "POST", body: new URLSearchParams(form) });
  said.stolen = [(await as("Bearer")).status, (await as("DPoP")).status, (await answer.json()).error];
  said.session = await sessionOf(tab);
  // The key is lost, the tokens are not: nobody can go on with them, and the person is told so.
  await tab.goto(`${job.app}/config.json`);
  await tab.evaluate(() => new Promise((resolve) => { indexedDB.deleteDatabase("authsvc").onsuccess = resolve; }));
  await someone.open(path, tab);
  said.lost = [await calls([tab], 1), await standingOf(tab)];
  return said;
}

async function wrongClockWithKey() {
  const said = {};
  for (const minutes of [-10, 10]) {
    const someone = await person();
    await someone.context.addInitScript(wrongClock, minutes * 60_000);
    const [tab] = await loggedIn(someone, "/bound/local/dpop");
    const statuses = await calls([tab], 4);
    const quiet = someone.refreshes.length;
    await tab.evaluate((minutes) => { shift = -minutes * 60_000; }, minutes); // put right, and as much too far
    statuses.push(...await calls([tab], 4));
    await tab.evaluate(() => { localStorage.access_token_times = "[0,0]"; });
    statuses.push(...await calls([tab], 4));
    said[minutes] = { statuses, quiet, standing: await standingOf(tab) };
  }
  return said;
}

await playAll({
  fetch: () => wrapper("fetch", false),
  fetchDPoP: () => wrapper("fetch", true),
  axios: () => wrapper("axios", false),
  axiosDPoP: () => wrapper("axios", true),
  key: () => key(false),
  keyHosted: () => key(true),
  wrongClockWithKey,
});
