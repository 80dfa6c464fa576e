// Logging in by redirect and out again, and what a page refuses to take for the answer.
import { job, logIn, playAll, standing } from "./stage.mjs";
import { calls, person, ready, sessionOf, standingOf } from "./people.mjs";

const email = "test@example.com";
const atIssuer = (tab) => tab.waitForURL((url) => url.origin === job.issuer);
const leave = async (tab, options) => {
  await tab.evaluate((options) => { auth.login(options); }, options);
  await atIssuer(tab);
  await tab.waitForLoadState();
};
const backAt = async (tab) => {
  await tab.waitForURL((url) => url.origin === job.app);
  return ready(tab);
};
const failed = (tab) => tab.evaluate(() => window.failed ?? null);

/** The page of a README, as somebody saved it. */
async function documented(page) {
  const someone = await person();
  const tab = someone.page;
  await tab.goto(`${job.app}/${page}`);
  const button = tab.getByRole("button");
  await button.filter({ hasText: "Log in" }).click();
  await atIssuer(tab);
  await logIn(tab, email);
  await tab.waitForURL((url) => url.origin === job.app);
  await button.filter({ hasText: "Log out Test" }).waitFor();
  await tab.reload();
  const kept = await button.filter({ hasText: "Log out" }).textContent();
  await button.click();
  await button.filter({ hasText: "Log in" }).waitFor();
  await button.click();
  await tab.getByRole("heading", { name: "Sign in" }).waitFor();
  return { kept };
}

const scenes = {
  async hosted() {
    const someone = await person();
    const tab = await someone.open("/house/local", someone.page);
    await leave(tab, { returnTo: "/cart?n=1", loginHint: email });
    const asked = Object.fromEntries(new URL(tab.url()).searchParams);
    const hint = await tab.getByLabel("E-mail address").inputValue();
    await logIn(tab, email);
    await backAt(tab);
    const { back, address } = await tab.evaluate(() => ({ back: window.back, address: location.href }));
    const statuses = await calls([tab], 2);
    const left = await tab.evaluate(() => sessionStorage.length);
    await tab.reload();
    await ready(tab);
    return { asked, hint, back, address, statuses, left, reloaded: await failed(tab), user: await tab.evaluate(() => auth.user) };
  },

  /** Sentry or OpenTelemetry in the page: each request has more headers than the module gave it. */
  async instrumented() {
    const someone = await person();
    await someone.context.addInitScript(() => {
      const plain = window.fetch;
      window.fetch = (input, init) => {
        const request = new Request(input, init);
        for (const name of ["baggage", "sentry-trace", "traceparent"]) request.headers.set(name, "x");
        return plain(request);
      };
    });
    const tab = await someone.open("/house/local", someone.page);
    await leave(tab);
    await logIn(tab, email);
    await backAt(tab);
    const user = await tab.evaluate(() => auth.user?.email);
    return { wrong: await failed(tab), user, statuses: await calls([tab], 2) };
  },

  /** Answers that are not for this page: each is refused, and no code is sent to the service. */
  async refusedAnswers() {
    const said = {};
    const someone = await person();
    const sent = [];
    someone.context.on("request", (request) => { if (request.url() === `${job.issuer}/token`) sent.push(request.postData()); });
    const tab = await someone.open("/house/local", someone.page);
    const asked = async (change) => {
      const state = someone.context.waitForEvent("request", (one) => one.url().startsWith(`${job.issuer}/authorize`))
        .then((one) => new URL(one.url()).searchParams.get("state"));
      await leave(tab);
      const answer = { code: "x".repeat(60), state: await state, iss: job.issuer, ...change };
      await tab.goto(`${job.app}/house/local?${new URLSearchParams(answer)}`);
      await ready(tab);
      return [await failed(tab), await tab.evaluate(() => [auth.user, location.search])];
    };
    said.state = await asked({ state: "another" });
    said.iss = await asked({ iss: "https://evil.example" });
    said.denied = await asked({ error: "access_denied", code: "" });
    said.beforeCode = sent.length;
    said.code = await asked({});
    await tab.goto(`${job.app}/house/local?code=x&state=never-asked&iss=${job.issuer}`);
    await ready(tab);
    said.unasked = [await failed(tab), await tab.evaluate(() => [auth.user, location.search.slice(0, 7)])];
    // A token endpoint's answer for another login: the nonce is not the one that was sent.
    await someone.context.addInitScript(() => {
      if (!location.search.includes("code=")) return;
      const kept = JSON.parse(sessionStorage.getItem("authsvc_login"));
      sessionStorage.setItem("authsvc_login", JSON.stringify({ ...kept, nonce: "another" }));
    });
    await leave(tab);
    await logIn(tab, email);
    await backAt(tab);
    said.nonce = [await failed(tab), await tab.evaluate(() => [auth.user, { ...localStorage }])];
    return said;
  },

  /** After logout(), login() asks for the password: also offline, and for a client that is not of the house. */
  async outAndIn() {
    const said = {};
    for (const [name, path] of [["house", "/house/local"], ["offline", "/house/session"], ["guest", "/guest/local"]]) {
      const someone = await person();
      const tab = await someone.open(path, someone.page);
      await leave(tab);
      await logIn(tab, email);
      if (name === "guest") await tab.getByRole("button", { name: "Allow" }).click();
      await backAt(tab);
      const session = await sessionOf(tab);
      const token = await tab.evaluate(() => auth.getAccessToken());
      await someone.context.setOffline(name === "offline");
      const told = await tab.evaluate(() => auth.logout());
      await someone.context.setOffline(false);
      await tab.evaluate(() => { auth.login(); });
      await tab.getByRole("heading", { name: "Sign in" }).waitFor();
      said[name] = { session, told };
      said[name].before = await standing(token);
      await logIn(tab, email);
      if (name === "guest") await tab.getByRole("button", { name: "Allow" }).click();
      await backAt(tab);
      said[name].user = (await standingOf(tab)).user;
    }
    return said;
  },

  /** A second frontend of the house comes in with the same login; the end of the one is the end of the other. */
  async shared() {
    const someone = await person();
    const tab = await someone.open("/house/local", someone.page);
    await leave(tab);
    await logIn(tab, email);
    await backAt(tab);
    const other = await someone.open("/till/session");
    await other.evaluate(() => { auth.login(); });
    await other.waitForFunction(() => window.back);
    const sessions = [await sessionOf(tab), await sessionOf(other)];
    await tab.evaluate(() => auth.logout());
    const after = await calls([other], 1);
    return { sessions, after, standing: await standingOf(other) };
  },
};

for (const page of ["README", "package"]) scenes[page] = () => documented(page);
await playAll(scenes);
