// What the scripts beside this one share: a person in Chromium, who fills in the provider's pages.
//     node SCRIPT CHROMIUM ADDRESS
import { chromium } from "playwright-core";

const [executablePath, address] = process.argv.slice(2);

/** Runs the steps at the address; what they return is the report, one line of JSON, with what the pages complained of. */
export async function visit(steps) {
  const browser = await chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-gpu"] });
  const context = await browser.newContext({ ignoreHTTPSErrors: true, locale: "en" });
  context.setDefaultTimeout(30_000);
  const page = await context.newPage();
  const said = [];
  page.on("console", (message) => message.type() === "error" && said.push(message.text()));
  try {
    await page.goto(address);
    console.log(JSON.stringify({ ...await steps(page, address), said }));
  } catch (error) {
    console.error(page.url(), await page.locator("body").innerText(), said, error);
    process.exitCode = 1;
  } finally {
    await browser.close();
  }
}

export const press = (page, name) => page.getByRole("button", { name, exact: true }).click();

/** From the program's own button to its page again. */
export async function logIn(page) {
  await press(page, "Log in");
  await page.getByLabel("E-mail address").fill("test@example.com");
  await page.getByLabel("Password").fill("password");
  await press(page, "Sign in");
  await press(page, "Allow");
}
