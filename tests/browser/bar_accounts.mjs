// A guest's and an operator's account, at the bar: registered, forgotten, by passkey; one more step, and a step up.
import { authenticator } from "./authenticator.mjs";
import { APPS, heading, press, said, signIn, signInHosted } from "./bar_people.mjs";
import { oneTimeCode } from "./letters.mjs";
import { examine, job, logIn, playAll, sleep, visitor } from "./stage.mjs";

const GUEST = "guest@example.com";
const [FIRST, SECOND] = ["a lamp above the heath", "a heath below the lamp"];

/** The newest mail to an address with this subject, as the service shows it in development. */
async function mailTo(address, subject) {
  for (let tries = 0; tries < 200; tries += 1) {
    const answer = await fetch(`${job.issuer}/dev/mail`, { headers: { accept: "application/json" } });
    const found = (await answer.json()).mails.find((mail) => mail.to === address && mail.subject.includes(subject));
    if (found) return found;
    await sleep(100);
  }
  throw new Error(`no mail “${subject}” to ${address}`);
}

const claims = (page, place) => page.evaluate((kept) =>
  JSON.parse(atob(window[kept].getItem("access_token").split(".")[1].replaceAll("-", "+").replaceAll("_", "/"))), place);

/** Registers from the frontend by our pages, and comes back; logs in by passkey; forgets the password. */
async function guest() {
  const told = {};
  const { context, page } = await visitor({ refused: true });
  await page.goto(job.customer);
  await page.getByRole("button", { name: "Sign in with a passkey" }).waitFor();
  await examine(page, "customer, ways in");
  await press(page, "Create an account");
  await page.waitForURL((url) => url.origin === job.issuer);
  await page.getByRole("link", { name: "Create an account" }).click();
  await page.getByLabel("E-mail address").fill(GUEST);
  await page.getByLabel("E-mail address").press("Enter");
  await page.getByRole("heading", { name: "Look at your mail" }).waitFor();
  const [code] = /\d{4} \d{4}/.exec((await mailTo(GUEST, "Create your account")).text);
  await page.getByLabel("Code").fill(code);
  await page.getByLabel("Code").press("Enter");
  await page.getByLabel("Name").fill("Gerda Guest");
  await page.getByLabel("New password", { exact: true }).fill(FIRST);
  await page.getByLabel("Repeat").fill(FIRST);
  await page.getByLabel("Repeat").press("Enter");
  await page.getByRole("button", { name: "Sign in" }).click(); // the client's request goes on
  await logIn(page, GUEST, FIRST);
  await page.waitForURL((url) => url.origin === job.customer);
  await heading(page, APPS.customer.heading);
  told.registered = (await claims(page, "localStorage")).roles;

  // A passkey, made on our page, used on the frontend's
  await authenticator(page);
  await page.goto(`${job.issuer}/account/passkeys/new`);
  await press(page, "Create passkey");
  await page.getByRole("status").waitFor();
  await page.goto(job.customer);
  await press(page, "Sign out");
  await press(page, "Sign in with a passkey");
  await heading(page, APPS.customer.heading);
  told.byPasskey = (await claims(page, "localStorage")).amr;

  // Forgotten
  await press(page, "Sign out");
  await page.getByLabel("E-mail address").fill(GUEST);
  await press(page, "Forgot your password?");
  await examine(page, "customer, forgot the password");
  await press(page, "Send mail");
  await page.getByLabel("Code from the mail").waitFor();
  await examine(page, "customer, new password");
  const mail = await mailTo(GUEST, "new password");
  await page.getByLabel("Code from the mail").fill("0000 0000");
  await page.getByLabel("New password", { exact: true }).fill(SECOND);
  await press(page, "Change password");
  await said(page, "The code is wrong");
  await page.getByLabel("Code from the mail").fill(/\d{4} \d{4}/.exec(mail.text)[0]);
  await page.getByLabel("New password", { exact: true }).fill("password1");
  await press(page, "Change password");
  await said(page, "known to attackers");
  await page.getByLabel("New password", { exact: true }).fill(SECOND);
  await press(page, "Change password");
  await said(page, "Your password is changed");
  await signIn(page, GUEST, { password: FIRST });
  await said(page, "is wrong");
  await signIn(page, GUEST, { password: SECOND });
  await heading(page, APPS.customer.heading);
  told.changed = (await claims(page, "localStorage")).amr;
  await context.close();
  return told;
}

/** Somebody with a second factor at the books: the form asks for it, and a call that wants it steps up by itself. */
async function operator() {
  const told = {};
  const { context, page } = await visitor({ refused: true });
  const { email, heading: first } = APPS.admin;

  // Without a factor: the call is refused, and the page says why
  await page.goto(job.admin);
  await signInHosted(page, email, job.admin);
  await heading(page, first);
  await press(page, "Cash up");
  await page.waitForURL((url) => url.origin === job.admin && url.pathname === "/");
  await said(page, "needs a second factor");
  told.without = (await claims(page, "sessionStorage")).amr;

  // Set up, in the browser that is logged in
  await page.goto(`${job.issuer}/account/factors`);
  await press(page, "Set up an app");
  const secret = await page.locator("code.secret").textContent();
  await page.getByLabel("The code that the app shows").fill(oneTimeCode(secret));
  await press(page, "Confirm");
  await page.getByRole("heading", { name: "Recovery codes" }).waitFor();
  const [recovery] = await page.locator(".codes code").allTextContents();

  // The same call again: the page leaves for the second factor, and the call is sent again
  await page.goto(job.admin);
  await heading(page, first);
  await page.evaluate(() => sessionStorage.removeItem("authsvc_step_up")); // as a minute later
  await context.clearCookies({ name: "authsvc_session" }); // the session that set the app up has proved it
  await press(page, "Cash up");
  await logIn(page, email);
  await page.getByRole("heading", { name: "One more step" }).waitFor();
  await page.getByLabel("One-time code").fill(oneTimeCode(secret, 1));
  await page.getByLabel("One-time code").press("Enter");
  await said(page, "The till is cashed up.");
  await page.getByText("cashed up:").first().waitFor();
  told.steppedUp = (await claims(page, "sessionStorage")).amr;

  // By the form
  await press(page, "Sign out");
  await signIn(page, email);
  await page.getByRole("heading", { name: "One more step" }).waitFor();
  await examine(page, "admin, one more step");
  await page.getByLabel("What you have").selectOption("recovery_code");
  await page.getByLabel("Recovery code", { exact: true }).fill(recovery);
  await press(page, "Go on");
  await heading(page, first);
  told.byForm = (await claims(page, "sessionStorage")).amr;
  await press(page, "Cash up");
  await said(page, "The till is cashed up.");
  told.stayed = new URL(page.url()).origin === job.admin;
  await context.close();
  return told;
}

await playAll({ guest, operator });
