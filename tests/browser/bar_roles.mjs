// Accounts that may not be where they are: told plainly, with a way out.
import { examine, job, logIn } from "./stage.mjs";
import { APPS, guest, heading, press, said, signIn, signInHosted } from "./bar_people.mjs";

const WRONG = { bartender: "test@example.com", admin: "bartender@example.com" };

export async function roles() {
  const told = {};
  for (const [name, email] of Object.entries(WRONG)) told[name] = { form: await byForm(name, email), hosted: await byRedirect(name, email) };
  told.customer = await byApi();
  told.password = await wrongPassword();
  return { told };
}

const alert = async (page) => (await page.getByRole("alert").textContent()).trim();

async function byForm(name, email) {
  const { context, page } = await guest(name, { refused: true }, null);
  await signIn(page, email);
  await said(page, "has no access here");
  const words = await alert(page);
  await context.close();
  return words;
}

/** The service turns the person away, back to the frontend, which offers another account. */
async function byRedirect(name, email) {
  const { context, page } = await guest(name, { refused: true }, null);
  await press(page, "Continue to the login page");
  await page.waitForURL((url) => url.origin === job.issuer);
  await logIn(page, email);
  await heading(page, "No access with this account");
  await page.getByRole("button", { name: /^Back to / }).click();
  await page.waitForURL((url) => url.origin === job[name]);
  await said(page, "no access here");
  const words = await alert(page);
  const address = new URL(page.url()).search;
  await context.close();
  return { words, address };
}

/** The customer's client lets everybody in; the API does not. */
async function byApi() {
  const { context, page } = await guest("customer", { refused: true }, null);
  await signIn(page, "bartender@example.com");
  await heading(page, "No access with this account");
  await examine(page, "customer, no access");
  const words = (await page.locator(".view p").allTextContents()).join(" ");
  await press(page, "Use another account");
  await page.waitForURL((url) => url.origin === job.issuer);
  await logIn(page, APPS.customer.email);
  await page.waitForURL((url) => url.origin === job.customer);
  await heading(page, APPS.customer.heading);
  await context.close();
  return words;
}

async function wrongPassword() {
  const { context, page } = await guest("customer", { refused: true }, null);
  await signIn(page, APPS.customer.email, { password: "not the password" });
  await said(page, "is wrong");
  const focused = await page.evaluate(() => document.activeElement?.id);
  await signInHosted(page, APPS.customer.email, job.customer);
  await heading(page, APPS.customer.heading);
  await context.close();
  return { focused };
}
