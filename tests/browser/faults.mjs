// Refreshes under faults: a tab dies, an answer is lost, the network is away. The test breaks the network meanwhile.
import { job, play, sleep } from "./stage.mjs";
import { calls, loggedIn, person, sessionOf, standingOf, wrongClock } from "./people.mjs";

const isRefresh = (request) =>
  request.url() === `${job.issuer}/token` && request.postData()?.includes("grant_type=refresh_token");

/** Somebody whose pages take the token for expired. */
async function expired(path, tabs) {
  const someone = await person();
  await someone.context.addInitScript(wrongClock, 0);
  const pages = await loggedIn(someone, path, { tabs });
  const session = await sessionOf(pages[0]);
  for (const tab of pages) await tab.evaluate(() => { shift = 3600_000; });
  return { someone, pages, session };
}

const scenes = {
  async killed() {
    const { someone, pages: [one, other], session } = await expired("/house/local", 2);
    const sent = someone.context.waitForEvent("request", isRefresh);
    const dead = one.waitForEvent("crash");
    one.evaluate(() => me()).catch(() => {});
    await sent;
    const second = calls([other], 8);
    const debug = await someone.context.newCDPSession(one);
    debug.send("Page.crash").catch(() => {});
    await dead;
    return { session, statuses: await second, standing: await standingOf(other), refreshes: someone.refreshes };
  },

  async lostAnswers() {
    const { someone, pages, session } = await expired("/house/local", 2);
    const statuses = await calls(pages, 8);
    return { session, statuses, standing: await standingOf(pages[1]), refreshes: someone.refreshes };
  },

  async offline() {
    const { someone, pages: [tab], session } = await expired("/brief/local", 1);
    const failed = someone.context.waitForEvent("requestfailed", isRefresh);
    const call = tab.evaluate(() => me().then(() => null, ({ code, temporary }) => ({ code, temporary })));
    await failed;
    await someone.context.setOffline(true);
    const error = await call;
    await sleep(1_500); // the grace is one second
    const away = await standingOf(tab);
    await someone.context.setOffline(false);
    const statuses = await calls([tab], 4);
    return { session, error, away, statuses, standing: await standingOf(tab), refreshes: someone.refreshes };
  },

  async strict() {
    const { someone, pages, session } = await expired("/strict/local", 2);
    const statuses = await calls(pages, 8);
    return { session, statuses, standing: await standingOf(pages[1]), refreshes: someone.refreshes };
  },
};

await play(() => scenes[job.scene]());
