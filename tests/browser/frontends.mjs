// Draws the sample frontends at an ordinary evening. Argument: the job as JSON (see screenshots.py). STATE-THEME-WIDTH.png
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import UPNG from "upng-js";
import { examine, examined, job, play, visitor } from "./stage.mjs";
import { guest, heading, press, said, signIn } from "./bar_people.mjs";

const DEVICES = ["Firefox on Windows", "Ann’s phone", "Tablet by the window"];
let drawn = 0;

async function draw(page, state, { dark = false } = {}) {
  await examine(page, state);
  for (const [scheme, width] of [["light", 1280], ["light", 390], ...(dark ? [["dark", 1280], ["dark", 390]] : [])]) {
    await page.setViewportSize({ width, height: width > 600 ? 800 : 780 });
    await page.emulateMedia({ colorScheme: scheme });
    await page.mouse.move(0, 0);
    const picture = UPNG.decode(await page.screenshot({ fullPage: true, animations: "disabled" }));
    const small = Buffer.from(UPNG.encode(UPNG.toRGBA8(picture), picture.width, picture.height, 64));
    writeFileSync(join(job.out, `${state}-${scheme}-${width}.png`), small);
    drawn += 1;
  }
  await page.emulateMedia({ colorScheme: "light" });
  await page.setViewportSize({ width: 1280, height: 800 });
}

/** A message that passes is not waited for. */
const settled = (page) => page.locator(".notice").evaluate((notice) => { notice.textContent = ""; });

const elsewhere = (device_info) => fetch(`${job.issuer}/api/auth/login`, {
  method: "POST", headers: { "content-type": "application/json", "user-agent": device_info.includes("phone") ? "Mobile" : "" },
  body: JSON.stringify({ email: "test@example.com", password: "password", device_info, remember_me: true, client_id: "customer" }),
});

await play(async () => {
  const customer = (await guest("customer", {}, null)).page;
  await draw(customer, "customer-sign-in");
  await signIn(customer, "test@example.com", { remember: true });
  await heading(customer, "What would you like?");
  for (const drink of ["Pale Ale, €5.50", "Nightjar Sour, €11.50", "Hibiscus Fizz, €6.00", "House Red, €6.00", "Negroni, €10.50"]) {
    await press(customer, `Order ${drink}`);
    await said(customer, `${drink.split(",")[0]} is ordered.`);
  }
  const bartender = (await guest("bartender")).page;
  for (const word of ["Start", "Start", "Serve"]) {
    await bartender.getByRole("button", { name: new RegExp(`^${word} order`) }).first().click();
    await said(bartender, word === "Start" ? "is begun." : "is served.");
  }
  await settled(bartender);
  await draw(bartender, "bartender-queue", { dark: true });
  await customer.getByRole("listitem").filter({ hasText: "Served" }).waitFor();
  await settled(customer);
  await draw(customer, "customer-order", { dark: true });
  for (const device of DEVICES) await elsewhere(device);
  await customer.getByRole("link", { name: "Active sessions" }).click();
  await customer.getByText(DEVICES[2]).waitFor();
  await draw(customer, "customer-sessions", { dark: true });

  const admin = (await guest("admin")).page;
  await draw(admin, "admin-evening", { dark: true });

  const stranger = (await guest("customer", { refused: true }, null)).page;
  await signIn(stranger, "bartender@example.com");
  await heading(stranger, "No access with this account");
  await draw(stranger, "customer-no-access");

  const { page } = await visitor();
  await page.goto(job.terminal);
  await press(page, "Connect this terminal");
  await page.locator("#code").waitFor();
  await draw(page, "terminal-code", { dark: true });
  return { drawn, states: examined };
});
