// Two frontends share one login; it is ended from another browser, and both must feel it at once.
import { expect, job, logIn, play, sleep, standing, visitor } from "./stage.mjs";

const AGENT = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0";
const state = (page, text) => page.locator("#state", { hasText: text }).waitFor();

await play(async () => {
  const first = await visitor({ userAgent: AGENT });
  await first.page.goto(job.bar);
  await state(first.page, "nobody");
  await first.page.evaluate(() => { manager.signinRedirect(); });
  await logIn(first.page, "test@example.com");
  await state(first.page, "signed in");
  const second = await first.context.newPage();
  const pagesSeen = [];
  second.on("framenavigated", (frame) => pagesSeen.push(frame.url()));
  await second.goto(job.till);
  await state(second, "nobody");
  const silent = await second.evaluate(async () => (await manager.signinSilent()).profile);
  const own = await first.page.evaluate(async () => (await manager.getUser()).profile);
  const tokens = [];
  for (const page of [first.page, second]) tokens.push(await page.evaluate(async () => (await manager.getUser()).access_token));
  const before = await Promise.all(tokens.map(standing));

  const other = await visitor();
  await other.page.goto(`${job.issuer}/account`);
  await logIn(other.page, "test@example.com");
  const end = other.page.getByRole("button", { name: /^End.*Firefox on Windows/ });
  await end.waitFor();
  let asked = null;
  other.page.on("request", (request) => { if (request.method() === "POST") asked ??= performance.now(); });
  const pressed = end.click();
  while (asked === null) await sleep(1);
  let after;
  do {
    after = await Promise.all(tokens.map(standing));
    if (after.some(({ active, userinfo }) => active || userinfo !== 401)) await sleep(5);
    else break;
  } while (performance.now() - asked < 5000);
  const seconds = (performance.now() - asked) / 1000;
  await pressed;
  const notice = await other.page.getByRole("status").textContent();

  // The frontends find out by themselves: their next refresh is refused, and so is another silent login.
  const found = [];
  for (const page of [first.page, second]) {
    expect(400, "/token");
    found.push(await page.evaluate(() => manager.signinSilent().then(() => null, (error) => error.error)));
    await page.evaluate(() => manager.removeUser());
    found.push(await page.evaluate(() => manager.signinSilent().then(() => null, (error) => error.error)));
  }
  return { till: job.till, own, silent, pagesSeen, before, after, seconds, notice, found };
});
