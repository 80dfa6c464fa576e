// The terminal is allowed from another browser, slows down when it is told to, and then serves.
import { examine, job, logIn, post, sleep, visitor } from "./stage.mjs";
import { heading, press, said } from "./bar_people.mjs";

export async function terminal() {
  const [allowed, denied] = await Promise.all([decided("Connect"), decided("Deny")]);
  return { allowed, denied };
}

async function decided(decision) {
  const { context, page } = await visitor({ refused: true }); // authorization_pending and its like
  const polls = [];
  context.on("response", async (answer) => {
    if (new URL(answer.url()).pathname !== "/token" || !answer.request().postData()?.includes("device_code")) return;
    const at = answer.request().timing().startTime;
    polls.push({ at, error: answer.ok() ? null : (await answer.json()).error });
  });
  if (decision === "Connect") await page.route(`${job.issuer}/token`, tooSoon, { times: 1 });
  await page.goto(job.terminal);
  await heading(page, "This terminal is not connected");
  const asked = page.waitForResponse((answer) => answer.url().endsWith("/device_authorization"));
  await press(page, "Connect this terminal");
  const codes = await (await asked).json();
  const shown = await page.locator("#code").textContent();
  if (decision === "Connect") {
    await examine(page, "terminal, code");
    while (polls.length < 1) await sleep(50);
  }
  await decide(codes, shown, decision);
  const told = decision === "Connect" ? await connected(page) : await refused(page);
  await context.close();
  const [first, second] = polls;
  return { told, shown, errors: polls.map(({ error }) => error), waited: second ? (second.at - first.at) / 1000 : null };
}

/** Somebody else asks with the same code just before: the terminal comes too soon. */
async function tooSoon(route) {
  for (let tries = 1; ; tries += 1) {
    const early = await post("/token", new URLSearchParams(route.request().postData()));
    const { error } = await early.json();
    if (error === "authorization_pending") break;
    if (early.status !== 503 || tries === 10) throw new Error(`the early question was answered ${early.status} ${error}`);
    await sleep(200);
  }
  await route.continue();
}

/** On the bartender's phone. */
async function decide(codes, shown, decision) {
  const { context, page } = await visitor();
  await page.goto(codes.verification_uri);
  await logIn(page, "bartender@example.com");
  await page.getByLabel("Code").fill(shown);
  await press(page, "Continue");
  await press(page, decision);
  await heading(page, decision === "Connect" ? "The device is connected" : "The device was not connected");
  await context.close();
}

async function connected(page) {
  await page.getByRole("heading", { level: 1, name: "At the bar" }).waitFor({ timeout: 20_000 });
  await page.getByRole("link", { name: "Active sessions" }).click();
  const current = page.getByRole("listitem").filter({ hasText: "This device" });
  const device = await current.getByRole("heading").textContent();
  await press(page, "Sign out");
  await heading(page, "This terminal is not connected");
  await said(page, "You are signed out.");
  return device;
}

async function refused(page) {
  await said(page, "said no");
  await page.getByRole("button", { name: "Get a new code" }).waitFor();
  return (await page.getByRole("alert").textContent()).trim();
}
