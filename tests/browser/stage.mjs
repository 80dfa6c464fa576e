// What the scripts beside this one share: a Chromium, and a watch over everything that its pages complain of.
// A script gets its job as JSON and ends with `report`; whatever was noticed on the way is in the report's faults.
import { readFileSync } from "node:fs";
import { createHash, randomBytes } from "node:crypto";
import { createRequire } from "node:module";
import { chromium } from "playwright-core";
import { launching } from "./launching.mjs";

export const job = JSON.parse(process.argv[2]);
// The one of the run where there is one, at the address `browser`.
export const browser = await (job.browser ? chromium.connect(job.browser) : chromium.launch(launching(job.chromium)));
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const BACKEND = { authorization: `Basic ${Buffer.from("backend:backend-secret").toString("base64")}` };
const faults = [];
const expected = [];

export const fault = (text) => faults.push(text);
export const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** The next answer with this status and path is meant to come: Chromium's line about it is no fault, its absence is. */
export const expect = (status, path) => expected.push({ status, path });

/** A browser of its own person: cookies, storage, and a page that is watched. `refused`: requests may fail. */
export async function visitor({ refused = false, ...options } = {}) {
  const context = await browser.newContext({ reducedMotion: "reduce", locale: "en", ...options });
  context.setDefaultTimeout(20_000);
  context.on("console", (message) => {
    if (!["error", "warning"].includes(message.type())) return;
    if (refused && /^Failed to load resource: |blocked by CORS policy/.test(message.text())) return;
    const { pathname } = new URL(message.location().url || "about:blank");
    const meant = expected.findIndex(({ status, path }) => pathname === path && message.text().includes(`status of ${status} `));
    if (meant >= 0) expected.splice(meant, 1);
    else fault(`console at ${pathname}: ${message.text()}`);
  });
  context.on("weberror", (error) => fault(`script: ${error.error()}`));
  // Binding and listener are put in through the debugger: no policy of the page stands against them.
  if (options.javaScriptEnabled !== false) {
    await context.exposeBinding("breachOfPolicy", ({ page }, text) => fault(`CSP at ${new URL(page.url()).pathname}: ${text}`));
    await context.addInitScript(() => addEventListener("securitypolicyviolation",
      (event) => window.breachOfPolicy(`${event.effectiveDirective} forbids ${event.blockedURI}`)));
  }
  return { context, page: await context.newPage() };
}

/** The hosted login page, filled in and sent. */
export async function logIn(page, email, password = "password") {
  await page.getByLabel("E-mail address").fill(email);
  await page.getByLabel("Password").fill(password);
  await page.getByRole("button", { name: "Sign in" }).click();
}

/** The address of a client's request, and the verifier of its code. */
export function authorizeUrl(client_id, redirect_uri, more = {}) {
  const verifier = randomBytes(32).toString("base64url");
  const query = new URLSearchParams({
    response_type: "code", client_id, redirect_uri, scope: "openid profile email", state: randomBytes(9).toString("hex"),
    code_challenge: createHash("sha256").update(verifier).digest("base64url"), code_challenge_method: "S256", ...more,
  });
  return { url: `${job.issuer}/authorize?${query}`, verifier };
}

export const post = (path, form, headers = {}) =>
  fetch(job.issuer + path, { method: "POST", body: new URLSearchParams(form), headers });

/** Is the token still good for something? What introspection says, and what userinfo does. */
export async function standing(token) {
  const [told, served] = await Promise.all([
    post("/introspect", { token }, BACKEND).then((answer) => answer.json()),
    fetch(`${job.issuer}/userinfo`, { headers: { authorization: `Bearer ${token}` } }),
  ]);
  return { active: told.active, userinfo: served.status };
}

/** axe-core on what is seen now, on a desk and on a phone; contrast in the dark too. Nothing may be wider than the window,
 * not even on the smallest phone. */
export async function examine(page, label) {
  await page.evaluate(axe);
  for (const [device, width, height] of [["small phone", 320, 568], ["desk", 1280, 800], ["phone", 390, 780]]) {
    await page.setViewportSize({ width, height });
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    if (wide > 0) fault(`${label} ${device}: ${wide} px wider than the window`);
    if (device === "small phone") continue;
    for (const colorScheme of ["light", "dark"]) {
      await page.emulateMedia({ colorScheme });
      const rules = colorScheme === "light" ? {} : { runOnly: ["color-contrast"] };
      const found = await page.evaluate((rules) => axe.run({ resultTypes: ["violations"], ...rules }), rules);
      if (!found.passes.length) fault(`${label} ${device} ${colorScheme}: axe examined nothing`);
      for (const { id, impact, nodes } of found.violations) {
        const where = nodes.map((node) => node.target.join(" ")).slice(0, 3).join("; ");
        if (["serious", "critical"].includes(impact)) fault(`${label} ${device} ${colorScheme}: ${id} at ${where}`);
      }
    }
  }
  await page.emulateMedia({ colorScheme: "light" });
  await page.setViewportSize({ width: 1280, height: 800 });
  examined.push(label);
}

export const examined = [];

export async function report(values) {
  await browser.close();
  for (const { status, path } of expected) fault(`no answer with ${status} was seen at ${path}`);
  console.log(JSON.stringify({ ...values, examined, faults }));
  process.exit(0);
}

/** Each of these scenes: its report, or why it failed. */
export async function playAll(scenes) {
  await play(async () => {
    const said = {};
    for (const [name, scene] of Object.entries(scenes)) {
      said[name] = await scene().catch((error) => ({ failed: error.stack }));
      await Promise.all(browser.contexts().map((context) => context.close()));
    }
    return said;
  });
}

/** The script's body; where it fails, what was noticed before is said too. */
export async function play(body) {
  try {
    await report(await body());
  } catch (error) {
    const open = browser.contexts().flatMap((context) => context.pages()).map((page) => page.url());
    console.error(`${error.stack}\nfaults: ${JSON.stringify(faults, null, 1)}\nopen: ${open.join("\n")}`);
    process.exit(1);
  }
}
