// A session is ended from another browser, and is over where it was; a log-out in one tab is one in all.
import { job, standing } from "./stage.mjs";
import { APPS, guest, heading, kept, press, said, signIn } from "./bar_people.mjs";

const FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0";
const SAFARI = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 "
  + "Mobile/15E148 Safari/604.1";
const OVER = "ended on another device";

export async function sessions() {
  const told = {};
  await Promise.all(Object.keys(APPS).map(async (name) => { told[name] = await ended(name); }));
  return { told };
}

async function ended(name) {
  const there = await guest(name, { userAgent: FIREFOX, refused: true });
  const here = await guest(name, { userAgent: SAFARI, refused: true });
  const token = (await kept(there.page, APPS[name].storage)).access_token;
  await here.page.getByRole("link", { name: "Active sessions" }).click();
  await press(here.page, "End Firefox on Windows");
  await said(here.page, "Ended: Firefox on Windows.");
  await said(there.page, OVER);
  await heading(there.page, await welcome(there.page));
  const left = { there: Object.keys(await kept(there.page, APPS[name].storage)), token: await standing(token) };
  const listed = await here.page.getByRole("button", { name: "End Firefox on Windows" }).count();
  const tabs = await inBothTabs(here, name);
  await Promise.all([there.context.close(), here.context.close()]);
  return { left, listed, tabs };
}

const welcome = (page) => page.getByRole("heading", { level: 1 }).textContent();

/** The tab that did not log out. */
async function inBothTabs({ context, page }, name) {
  const second = await context.newPage();
  await second.goto(job[name]);
  if (APPS[name].storage === "sessionStorage") await signIn(second, APPS[name].email);
  await heading(second, APPS[name].heading);
  const token = (await kept(second, APPS[name].storage)).access_token;
  await press(page, "Sign out");
  await said(page, "You are signed out.");
  await said(second, "you signed out in another tab");
  await second.getByLabel("Password").waitFor();
  const left = Object.keys(await kept(second, APPS[name].storage));
  for (let tries = 0; tries < 100 && (await standing(token)).active; tries += 1) await page.waitForTimeout(20);
  return { left, token: await standing(token) };
}

/** Alone: it ends whatever sessions the customer has. */
export async function endOthers() {
  const there = await guest("customer", { userAgent: FIREFOX, refused: true });
  const here = await guest("customer", { userAgent: SAFARI });
  await here.page.getByRole("link", { name: "Active sessions" }).click();
  await press(here.page, "End all other sessions");
  await press(here.page, "Keep them");
  const before = await here.page.getByRole("listitem").count();
  await press(here.page, "End all other sessions");
  await press(here.page, "End them");
  await said(here.page, /sessions? ended/);
  await said(there.page, OVER);
  const after = await here.page.getByRole("listitem").count();
  return { before, after };
}
