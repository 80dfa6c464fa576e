// Each frontend: signed in both ways, and at work for longer than its token lives.
import { examine, job, sleep } from "./stage.mjs";
import { APPS, guest, heading, kept, press, signIn, signInHosted, work } from "./bar_people.mjs";

const RENEWED = /renewed (\d+) times?, last at \d\d:\d\d:\d\d/;

export async function logins() {
  const found = {};
  // The customer first: somebody must order what the bartender mixes.
  for (const name of Object.keys(APPS)) found[name] = { hosted: await byRedirect(name), form: await byForm(name) };
  const begun = performance.now();
  for (const name of Object.keys(APPS)) await look(found[name].hosted, name);
  await sleep(Math.max(0, 1000 * (job.tokenSeconds + 1) - (performance.now() - begun)));
  const told = {};
  for (const [name, ways] of Object.entries(found)) {
    for (const [way, visit] of Object.entries(ways)) {
      await visit.page.getByText(RENEWED).waitFor();
      const status = await work(visit.page, name);
      told[`${name} ${way}`] = { ...visit.told, status, failed: visit.failed,
        renewals: visit.tokens.length - (way === "hosted" ? 1 : 0) }; // one was for the code
      await visit.context.close();
    }
  }
  return { told };
}

/** A visitor whose calls are counted: what failed at the API, and how often the token was renewed. */
async function watched(name) {
  const { context, page } = await guest(name, {}, null);
  const [failed, tokens] = [[], []];
  context.on("response", (answer) => {
    const url = new URL(answer.url());
    if (url.origin === job.api && answer.status() >= 400) failed.push(`${answer.status()} ${url.pathname}`);
    if (url.pathname === "/token" && answer.ok()) tokens.push(url.href);
  });
  return { context, page, failed, tokens };
}

async function byRedirect(name) {
  const visit = await watched(name);
  const remember = await visit.page.getByLabel("Remember me for 30 days").count();
  await examine(visit.page, `${name}, sign in`);
  await signInHosted(visit.page, APPS[name].email, job[name]);
  await heading(visit.page, APPS[name].heading);
  const { pathname, search } = new URL(visit.page.url());
  return { ...visit, told: { remember, address: pathname + search, keys: await keys(visit.page, name) } };
}

/** What the Tab key stops at, in order; each stop can be seen. */
async function stops(page, number) {
  const found = [];
  for (let stop = 0; stop < number; stop += 1) {
    await page.keyboard.press("Tab");
    found.push(await page.evaluate(() => {
      const { activeElement: at } = document;
      return [at.labels?.[0]?.textContent || at.textContent, getComputedStyle(at).outlineStyle !== "none"];
    }));
  }
  return found;
}

async function byForm(name) {
  const visit = await watched(name);
  await visit.page.getByLabel("Password").waitFor();
  const reached = await stops(visit.page, name === "admin" ? 5 : 6);
  const rememberMe = name !== "admin";
  await signIn(visit.page, APPS[name].email, { remember: rememberMe });
  await heading(visit.page, APPS[name].heading);
  await visit.page.getByRole("link", { name: "Active sessions" }).click();
  const current = visit.page.getByRole("listitem").filter({ hasText: "This device" });
  await current.waitFor();
  const ends = await current.locator("dd").last().textContent();
  await visit.page.getByRole("link", { name: /^(Order|Bar|Evening)$/ }).click();
  await heading(visit.page, APPS[name].heading);
  if (name === "customer") await work(visit.page, name);
  return { ...visit, told: { ends, reached, keys: await keys(visit.page, name) } };
}

const keys = async (page, name) => Object.keys(await kept(page, APPS[name].storage)).sort();

async function look({ page }, name) {
  await examine(page, `${name}, at work`);
  await page.getByRole("link", { name: "Active sessions" }).click();
  await page.getByText("This device").waitFor();
  await examine(page, `${name}, active sessions`);
  if (name === "customer") {
    await press(page, "End all other sessions");
    await examine(page, `${name}, end all others?`);
    await press(page, "Keep them");
  }
  await page.goBack();
  await heading(page, APPS[name].heading);
}
