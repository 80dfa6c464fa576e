// A person at a single-page app: logs in, renews, loads it again and logs out.
import { logIn, press, visit } from "./in_chromium.mjs";

await visit(async (page, address) => {
  const token = () => page.locator("code").textContent();
  await logIn(page);
  const email = await page.locator("main p").textContent();
  const first = await token();
  await press(page, "Renew");
  await page.waitForFunction((before) => document.querySelector("code")?.textContent !== before, first);
  const second = await token();
  await page.goto(address);
  const kept = await page.locator("main p").textContent();
  await press(page, "Log out");
  await page.getByRole("button", { name: "Log in" }).waitFor();
  return { email, first, second, kept };
});
