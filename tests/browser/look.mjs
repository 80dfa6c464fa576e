// Opens each page, examines it with axe-core, writes a picture. Argument: the job as JSON (see screenshots.py).
// Mails have one theme, and the page of `authsvc dev` one language.
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { chromium } from "playwright-core";

const job = JSON.parse(process.argv[2]);
const { default: UPNG } = job.out ? await import("upng-js") : {}; // without `out` the pages are examined alone
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const faults = [];
const browser = await chromium.launch({
  executablePath: job.chromium,
  headless: true,
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--hide-scrollbars", "--disable-lcd-text", "--force-color-profile=srgb"],
});

let drawn = 0;
for (const colorScheme of job.themes) for (const width of job.widths) for (const language of job.languages) {
  // The page's own policy is on while it loads and is watched; axe is put in through the debugger, which it permits.
  const context = await browser.newContext({
    colorScheme, viewport: { width, height: width > 600 ? 800 : 780 }, reducedMotion: "reduce", locale: language,
  });
  const page = await context.newPage();
  let name, label, status, sent;
  const fault = (text) => faults.push(`${label}: ${text}`);
  page.on("console", (message) => {
    const own = status >= 400 && message.text().startsWith("Failed to load resource") && message.location().url.includes(name);
    if (["error", "warning"].includes(message.type()) && !own) fault(`console: ${message.text()}`);
  });
  page.on("pageerror", (error) => fault(`script: ${error}`));
  page.on("response", (response) => {
    if (response.request().isNavigationRequest()) status = response.status();
    else if (response.status() >= 400) fault(`${response.status()} ${response.url()}`);
  });
  // form_post sends itself away; the picture is of what is seen without JavaScript, and the rest is watched apart.
  await page.route((url) => url.origin !== job.base, (route) => {
    sent = route.request();
    return route.fulfill({ status: 204 });
  });
  for (name of job.pages) {
    if ((name.startsWith("letter-") && colorScheme === "dark") || (name === "dev-mail" && language !== "en")) continue;
    label = `${name}-${colorScheme}-${width}${language === "en" ? "" : `-${language}`}`;
    [status, sent] = [200, null];
    await page.goto(`${job.base}/${name}?lang=${language}`, { waitUntil: name === "form-post" ? "commit" : "load" });
    if (name === "form-post") {
      for (let turn = 0; !sent && turn < 100; turn++) await page.waitForTimeout(20);
      if (sent?.method() !== "POST" || !sent?.postData()?.includes("code=")) fault("the form did not post itself");
    }
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    if (wide > 0) fault(`${wide} px wider than the window`);
    if (await page.evaluate(() => document.documentElement.lang) !== language) fault("lang is wrong");
    drawn += 1;
    if (language === job.languages[0]) { // what axe finds is in the template, not in the words
      await page.evaluate(axe);
      const found = await page.evaluate(() => axe.run({ resultTypes: ["violations"] }));
      for (const violation of found.violations) {
        const where = violation.nodes.map((node) => node.target.join(" ")).slice(0, 3).join("; ");
        if (["serious", "critical"].includes(violation.impact)) fault(`axe ${violation.impact}: ${violation.id} at ${where}`);
        else console.log(`note ${label}: axe ${violation.impact}: ${violation.id} at ${where}`);
      }
    }
    if (!job.out) continue;
    const picture = UPNG.decode(await page.screenshot({ fullPage: true }));
    const small = Buffer.from(UPNG.encode(UPNG.toRGBA8(picture), picture.width, picture.height, 48));
    writeFileSync(join(job.out, `${label}.png`), small);
    if (small.length > 60_000) console.log(`note ${label}: ${small.length} bytes`);
  }
  await context.close();
  console.error(`${colorScheme}, ${width} px, ${language}: done; ${drawn} pages so far`);
}
await browser.close();
for (const fault of faults) console.error(`FAULT ${fault}`);
console.log(`${drawn} pages, ${faults.length} faults`);
process.exit(faults.length ? 1 : 0);
