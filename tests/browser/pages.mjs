// Every hosted page, met as a person meets it, and examined.
import { authorizeUrl, examine, expect, job, logIn, play, post, sleep, visitor } from "./stage.mjs";

const PERSON = "bartender@example.com";
const CALLBACK = `${job.shop}/callback`;
const DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code";
const NEW = "a night jar in the heath";

const elsewhere = (device_info) => fetch(`${job.issuer}/api/auth/login`, {
  method: "POST", headers: { "content-type": "application/json" },
  body: JSON.stringify({ email: PERSON, password: "password", device_info, client_id: "bartender" }),
}).then((answer) => answer.status);

await play(async () => {
  const { page } = await visitor();
  const title = async () => (await page.getByRole("heading", { level: 1 }).textContent()).trim();
  const seen = [];
  const see = async (label) => { await examine(page, label); seen.push([label, await title()]); };
  const press = (name) => page.getByRole("button", { name, exact: true }).click();

  await page.goto(authorizeUrl("shop", CALLBACK).url);
  await see("login");
  expect(400, "/login");
  await logIn(page, PERSON, "not the password");
  await page.getByRole("alert").waitFor();
  await see("login, wrong password");
  await logIn(page, PERSON);
  await page.getByRole("button", { name: "Allow" }).waitFor();
  await see("consent");
  await press("Allow");
  await page.waitForURL((url) => url.origin === job.shop && url.searchParams.has("code"));

  const others = [];
  for (const name of ["Till by the door", "iPhone", "<b>not bold</b>"]) others.push(await elsewhere(name));
  await page.goto(`${job.issuer}/account`);
  await see("account");
  const cards = await page.locator("[aria-labelledby=sessions] h3").allTextContents();
  const change = async (current) => {
    await page.getByLabel("Current password").fill(current);
    await page.getByLabel("New password", { exact: true }).fill(NEW);
    await page.getByLabel("Repeat the new password").fill(NEW);
    await press("Change password");
  };
  expect(400, "/account/password");
  await change("not the password");
  await page.getByRole("alert").waitFor();
  await see("password change, wrong");
  await change("password");
  await page.getByRole("status").waitFor();
  await see("password change, done");
  const left = await page.locator("[aria-labelledby=sessions] h3").allTextContents();

  const asked = await (await post("/device_authorization", { client_id: "terminal", scope: "openid profile" })).json();
  await page.goto(asked.verification_uri);
  await see("device, entry");
  expect(400, "/device");
  await page.getByLabel("Code").fill("BBBB-BBBB");
  await press("Continue");
  await page.getByRole("alert").waitFor();
  await see("device, wrong code");
  await page.getByLabel("Code").fill(asked.user_code.toLowerCase().replace("-", " "));
  await press("Continue");
  await page.getByRole("button", { name: "Connect" }).waitFor();
  await see("device, confirm");
  await press("Connect");
  await page.getByRole("heading", { name: "connected" }).waitFor();
  await see("device, done");
  const device = await post("/token", { grant_type: DEVICE_GRANT, client_id: "terminal", device_code: asked.device_code });

  expect(403, "/authorize");
  await page.goto(authorizeUrl("admin", "http://localhost:5173/callback").url);
  await see("turned away");
  expect(400, "/authorize");
  await page.goto(authorizeUrl("shop", "https://elsewhere.example/").url);
  await see("error");

  // The one page with a script: it sends itself, under its own policy.
  const sent = page.waitForRequest((request) => request.method() === "POST" && request.url().startsWith(job.till));
  await page.goto(authorizeUrl("till", `${job.till}/callback`, { response_mode: "form_post" }).url);
  const formPost = Object.fromEntries(new URLSearchParams((await sent).postData()));
  await page.waitForURL((url) => url.origin === job.till);

  await page.goto(`${job.issuer}/logout`);
  await see("logout, confirm");
  await press("Sign out");
  await page.getByRole("heading", { name: "You are signed out" }).waitFor();
  await see("logout, done");
  await page.goto(`${job.issuer}/account`);
  return {
    seen, others, cards, left, device: device.status, formPost: Object.keys(formPost).sort(),
    after: new URL(page.url()).pathname,
  };
});
