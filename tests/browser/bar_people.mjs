// What a person does at the bar, in each of its frontends.
import { job, logIn, visitor } from "./stage.mjs";

export const APPS = {
  customer: { email: "test@example.com", heading: "What would you like?", storage: "localStorage" },
  bartender: { email: "bartender@example.com", heading: "At the bar", storage: "localStorage" },
  admin: { email: "admin@example.com", heading: "This evening", storage: "sessionStorage", dpop: true },
};

export const heading = (page, name) => page.getByRole("heading", { level: 1, name, exact: true }).waitFor();
export const press = (page, name) => page.getByRole("button", { name, exact: true }).click();
export const said = (page, words) => page.locator(".notice, .alert").filter({ hasText: words }).first().waitFor();

/** By the form of the frontend. */
export async function signIn(page, email, { remember = false, password = "password" } = {}) {
  await page.getByLabel("E-mail address").fill(email);
  await page.getByLabel("Password").fill(password);
  if (remember) await page.getByLabel("Remember me for 30 days").check();
  await press(page, "Sign in");
}

/** By redirect. */
export async function signInHosted(page, email, origin) {
  await press(page, "Continue to the login page");
  await page.waitForURL((url) => url.origin === job.issuer);
  await logIn(page, email);
  await page.waitForURL((url) => url.origin === origin);
}

/** A browser of its own, at an app; signed in there unless `email` is null. `refused`: see `visitor`. */
export async function guest(name, options = {}, email = APPS[name].email) {
  const { context, page } = await visitor({ refused: APPS[name].dpop, ...options });
  await page.goto(job[name]);
  if (email !== null) {
    await signIn(page, email);
    await heading(page, APPS[name].heading).catch(async (error) => {
      throw new Error(`${name} says: ${await page.locator(".alert").textContent()}\n${error.stack}`);
    });
  }
  return { context, page };
}

/** Something that only a good token can do; the app's answer to it. */
export async function work(page, name) {
  const answered = page.waitForResponse((answer) => answer.url().startsWith(job.api) && answer.request().method() !== "OPTIONS"
    && (name === "admin" || answer.request().method() === "POST"));
  if (name === "customer") {
    await press(page, "Order Negroni, €10.50");
    await said(page, "Negroni is ordered.");
  } else if (name === "bartender") {
    const ordered = await page.getByRole("button", { name: /^Start order/ }).first();
    await ordered.click();
    await said(page, "is begun.");
  }
  return (await answered).status();
}

/** What the page keeps of a login; the module's marks of its own are left away. */
export const kept = (page, storage) => page.evaluate((place) =>
  Object.fromEntries(Object.entries(window[place]).filter(([key]) => !key.startsWith("authsvc"))), storage);
