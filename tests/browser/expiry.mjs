// What happens when an access token of ten seconds really expires, in several browsers at once: they wait together.
import { play, sleep } from "./stage.mjs";
import { calls, loggedIn, person, sessionOf, standingOf, wrongClock } from "./people.mjs";

const MINUTE = 60_000;

/** Somebody with so many tabs, as `prepare` left the browser; afterwards `change` is done to the pages. */
async function somebody(tabs, prepare = () => {}, change = null) {
  const someone = await person();
  await prepare(someone.context);
  const pages = await loggedIn(someone, "/brief/local", { tabs });
  const session = await sessionOf(pages[0]);
  const before = await calls(pages, tabs);
  if (change) for (const tab of pages) await tab.evaluate(change);
  return async () => {
    const fresh = someone.refreshes.length;
    const begun = performance.now();
    const statuses = await calls(pages, 8 * tabs);
    const [refreshes, seconds] = [someone.refreshes.length, (performance.now() - begun) / 1000];
    return { session, before, fresh, statuses, refreshes, seconds, standings: await Promise.all(pages.map(standingOf)) };
  };
}

await play(async () => {
  const people = {
    ahead: await somebody(5),
    // The module takes the token for good: all forty calls are on their way with it when the service refuses it.
    inFlight: await somebody(5, (context) => context.addInitScript(wrongClock, 0), () => { shift = -600_000; }),
    withoutLocks: await somebody(3, (context) => context.addInitScript(() => { delete Navigator.prototype.locks; })),
    asleep: await somebody(2, (context) => context.addInitScript(wrongClock, 0), () => { shift = 8 * 3600_000; }),
    early: await somebody(1, (context) => context.addInitScript(wrongClock, -10 * MINUTE)),
    late: await somebody(1, (context) => context.addInitScript(wrongClock, 10 * MINUTE)),
  };
  await sleep(10_500);
  const said = {};
  for (const [name, finish] of Object.entries(people)) said[name] = await finish();
  return said;
});
