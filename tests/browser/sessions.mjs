// Logged in in several tabs and browsers: where a login ends, how long it lasts, where it is kept.
import { job, playAll, sleep } from "./stage.mjs";
import { calls, loggedIn, person, ready, sessionOf, standingOf, wrongClock } from "./people.mjs";

const DAY = 86_400;
const storageOf = (tab) => tab.evaluate(() => [{ ...localStorage }, { ...sessionStorage }]);

/** Log-out in the first of several tabs. With `local` they share a login, else each has its own. */
async function logOut(storage) {
  const someone = await person();
  const tabs = [await someone.open(`/house/${storage}`, someone.page), await someone.open(`/house/${storage}`)];
  if (storage === "local") tabs.push(await someone.open(`/house/${storage}`));
  for (const tab of storage === "local" ? tabs.slice(0, 1) : tabs) {
    await tab.evaluate(() => auth.loginWithPassword("test@example.com", "password"));
  }
  for (const tab of tabs) await tab.waitForFunction(() => auth.user);
  const sessions = await Promise.all(tabs.map(sessionOf));
  const told = await tabs[0].evaluate(() => auth.logout());
  for (const tab of tabs) await tab.waitForFunction(() => !auth.user);
  await sleep(500); // the others' sessions
  return { sessions, told, standings: await Promise.all(tabs.map(standingOf)), kept: await storageOf(tabs[1]) };
}

const scenes = {
  async endedElsewhere() {
    const someone = await person();
    const [tab] = await loggedIn(someone, "/house/session");
    await calls([tab], 1);
    const [far] = await loggedIn(await person(), "/house/local");
    const session = await sessionOf(tab);
    await far.evaluate(async (id) => {
      const found = (await auth.sessions()).find((one) => one.id === id);
      if (!found || found.current) throw new Error("the other device is not in the list");
      await auth.endSession(id);
    }, session);
    const before = await standingOf(tab);
    const [status, ms] = await tab.evaluate(async () => {
      const asked = performance.now();
      return [await me(), performance.now() - asked];
    });
    const others = await far.evaluate(async () => [await me(), (await auth.sessions()).map(({ id }) => id)]);
    return { before, status, ms, after: await standingOf(tab), heard: await tab.evaluate(() => heard), session, others };
  },

  async endedOthers() {
    const email = "bartender@example.com";
    const [far] = await loggedIn(await person(), "/house/local", { email });
    const [tab] = await loggedIn(await person(), "/house/local", { email });
    const ended = await tab.evaluate(() => auth.endOtherSessions());
    const left = await tab.evaluate(() => auth.sessions());
    return { ended, left: left.map(({ current }) => current), far: await calls([far], 1), here: await calls([tab], 1) };
  },

  async rememberMe() {
    const said = {};
    for (const rememberMe of [true, false]) {
      const someone = await person();
      const answer = someone.context.waitForEvent("response", (one) => one.url().endsWith("/api/auth/login"));
      const [tab] = await loggedIn(someone, "/house/local", { rememberMe });
      const { refresh_token_expires_in } = await (await answer).json();
      const { remember_me, created_at, expires_at } =
        (await tab.evaluate(() => auth.sessions())).find(({ current }) => current);
      // The browser ends; what it keeps is all that is left.
      const kept = await someone.context.storageState();
      await someone.context.close();
      const again = await person({ storageState: kept });
      const back = await again.open("/house/local");
      said[rememberMe] = {
        days: (Date.parse(expires_at) - Date.parse(created_at)) / DAY / 1000, remember_me,
        given: refresh_token_expires_in / DAY, after: await calls([back], 1),
      };
    }
    return said;
  },

  async migrated() {
    const someone = await person();
    await someone.page.goto(`${job.app}/config.json`);
    const [login] = await loggedIn(await person(), "/house/memory");
    const token = await login.evaluate(() => auth.getAccessToken());
    const old = {
      bartender_token: token, bartender: JSON.stringify({ id: "1", name: "Bo" }), admin_token: "x", admin_user: "{}",
    };
    await someone.page.evaluate((old) => Object.assign(localStorage, old), old);
    const tab = await someone.open("/bartender/local", someone.page);
    const [first] = await storageOf(tab);
    const status = await calls([tab], 1);
    await tab.reload();
    await ready(tab);
    const [second] = await storageOf(tab);
    return { token, first, second, status, name: await tab.locator("#state").textContent() };
  },

  async duplicated() {
    const someone = await person();
    await someone.context.addInitScript(wrongClock, 0);
    const [tab] = await loggedIn(someone, "/house/session");
    const session = await sessionOf(tab);
    const opened = someone.context.waitForEvent("page");
    await tab.evaluate(() => { window.open(location.href); }); // copies sessionStorage, as "Duplicate" does
    const copy = await opened;
    await copy.locator("#state", { hasText: "Test" }).waitFor();
    const statuses = [];
    for (const hours of [1, 2, 3, 4]) { // the copy sleeps
      await tab.evaluate((hours) => { shift = hours * 3600_000; }, hours);
      statuses.push(...await calls([tab], 2));
    }
    await tab.close();
    await copy.evaluate(() => { shift = 4.1 * 3600_000; });
    statuses.push(...await calls([copy], 2));
    const quiet = someone.refreshes.length;
    await copy.evaluate(() => { shift = 6 * 3600_000; });
    statuses.push(...await calls([copy], 2));
    return { session, statuses, quiet, refreshes: someone.refreshes, standing: await standingOf(copy) };
  },
};

for (const storage of ["memory", "session", "local"]) scenes[storage] = () => logOut(storage);
await playAll(scenes);
