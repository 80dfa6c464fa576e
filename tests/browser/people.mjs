// People who use pages with the module, in browsers of their own.
import { job, visitor } from "./stage.mjs";

/** A person's browser. `refreshes`: the refresh tokens that its pages sent, null where the browser does not tell (a body
 * that may have to be sent again with another proof). `open` opens a page of the app in a tab. */
export async function person(options = {}) {
  const { context, page } = await visitor({ refused: true, ...options });
  const refreshes = [];
  context.on("request", (request) => {
    if (request.url() !== `${job.issuer}/token` || request.method() !== "POST") return;
    const form = new URLSearchParams(request.postData() ?? "grant_type=refresh_token");
    if (form.get("grant_type") === "refresh_token") refreshes.push(form.get("refresh_token"));
  });
  const open = async (path, tab) => {
    tab ??= await context.newPage();
    await tab.goto(job.app + path);
    return ready(tab);
  };
  return { context, page, refreshes, open };
}

/** Until the page has looked who is logged in. */
export async function ready(tab) {
  await tab.locator("#state", { hasNotText: "loading" }).waitFor();
  return tab;
}

/** Several tabs of the page at `path`, logged in by password. With storage that they share, that is one login. */
export async function loggedIn(someone, path, { tabs = 1, email = "test@example.com", ...options } = {}) {
  const first = await someone.open(path, someone.page);
  const pages = [first];
  while (pages.length < tabs) pages.push(await someone.open(path));
  await first.evaluate(([email, options]) => auth.loginWithPassword(email, "password", options), [email, options]);
  for (const tab of pages) await tab.waitForFunction(() => auth.user);
  return pages;
}

/** The statuses of so many protected calls, at once and evenly over the tabs. */
export const calls = async (tabs, number) => (await Promise.all(tabs.map((tab) =>
  tab.evaluate((number) => Promise.all(Array.from({ length: number }, () => me())), number / tabs.length)))).flat();

/** Who the tab believes is logged in, and what its app was told. */
export const standingOf = (tab) => tab.evaluate(() => ({ user: auth.user && auth.user.email, ended }));

/** The session that a tab's tokens are of. */
export const sessionOf = (tab) => tab.evaluate(async () =>
  JSON.parse(atob((await auth.getAccessToken()).split(".")[1].replace(/-/g, "+").replace(/_/g, "/"))).sid);

/** For `addInitScript`: clocks of pages that are `shift` ms wrong; `shift` can be changed later. */
export function wrongClock(ms) {
  const Right = Date;
  window.shift = ms;
  window.Date = class extends Right {
    constructor(...parts) {
      super(...(parts.length ? parts : [Right.now() + shift]));
    }

    static now() {
      return Right.now() + shift;
    }
  };
}

/** What a token says. */
export const claims = (token) => JSON.parse(Buffer.from(token.split(".")[1], "base64url"));
