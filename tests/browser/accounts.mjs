// A person registers by a letter, adds a passkey and uses it in all ways, steps up in the middle of a call, removes it:
// what it opened ends at services that verify tokens themselves. Then an app with codes, and a password forgotten.
import { authenticator } from "./authenticator.mjs";
import { examineLetter, letter, letters, oneTimeCode } from "./letters.mjs";
import { claims, ready, sessionOf } from "./people.mjs";
import { examine, expect, job, logIn, play, sleep, visitor } from "./stage.mjs";

const PERSON = "nora@example.com";
const NAME = "Nora Nightjar";
const PASSWORD = "a lamp above the heath";
const NEW = "a moth around the lamp";
const PAGE = `${job.app}/house/local/step-up`;
const BACKEND = { authorization: `Basic ${Buffer.from("backend:backend-secret").toString("base64")}` };

/** Whether a token still opens something: the service behind each replica's feed, and each replica when it is asked. */
async function doors(token) {
  const authorization = `Bearer ${token}`;
  const asked = async (replica) => {
    const answer = await fetch(`${replica}/introspect`, { method: "POST", headers: BACKEND, body: new URLSearchParams({ token }) });
    return (await answer.json()).active;
  };
  const [first, second, ...told] = await Promise.all([
    ...[0, 1].map(async (number) => (await fetch(`${job.api}/${number}/standing`, { headers: { authorization } })).status),
    ...[job.replica0, job.replica1].map(asked),
  ]);
  return { verifiers: [first, second], replicas: told };
}

await play(async () => {
  const { page, context } = await visitor();
  const key = await authenticator(page, { defaultBackupEligibility: true, defaultBackupState: true });
  const said = {};
  const press = (name, tab = page) => tab.getByRole("button", { name, exact: true }).click();
  const at = (path, tab = page) => tab.waitForURL((url) => url.pathname === path && url.origin === job.issuer);
  const home = (tab = page) => tab.waitForFunction(() => window.back);
  const leave = async (tab = page) => {
    await tab.goto(PAGE);
    await ready(tab);
    await tab.evaluate(() => { auth.login(); });
  };
  const begin = async (tab = page) => {
    await leave(tab);
    await tab.getByRole("heading", { name: "Sign in" }).waitFor();
  };
  const signOut = async () => {
    await page.goto(`${job.issuer}/logout`);
    await press("Sign out");
    await page.getByRole("heading", { name: "You are signed out" }).waitFor();
  };
  const token = (tab = page) => tab.evaluate(() => auth.getAccessToken());

  // Registered, by the link of the letter that came over SMTP
  await begin();
  await page.getByRole("link", { name: "Create an account" }).click();
  await examine(page, "sign up");
  await page.getByLabel("E-mail address").fill(PERSON);
  await press("Send mail");
  await page.getByRole("heading", { name: "Look at your mail" }).waitFor();
  await examine(page, "look at your mail");
  const invited = await letter(PERSON, "Create your account");
  await examineLetter(context, invited, "the letter");
  await page.goto(invited.links[0]);
  await examine(page, "create your account");
  await page.getByLabel("Name", { exact: true }).fill(NAME);
  await page.getByLabel("New password", { exact: true }).fill(PASSWORD);
  await page.getByLabel("Repeat the new password").fill(PASSWORD);
  await press("Create account");
  await page.getByRole("heading", { name: "Your account is there" }).waitFor();
  await examine(page, "your account is there");
  expect(403, "/proof");
  await page.goto(invited.links[0]);
  said.linkAgain = (await page.getByRole("heading", { level: 1 }).textContent()).trim();
  await examine(page, "link used before");
  await key.present(false);
  await begin();
  await logIn(page, PERSON, PASSWORD);
  await home();
  const first = await token();
  said.registered = await page.evaluate((url) => auth.fetch(url).then((answer) => answer.json()), `${job.issuer}/userinfo`);
  said.firstAcr = claims(first).acr;

  // Logged out by the app: at the service and at the issuer
  said.standing = await doors(first);
  await page.evaluate(() => auth.logout());
  await page.goto(`${job.issuer}/account`);
  said.afterLogout = new URL(page.url()).pathname;

  // A passkey, made on the account page
  await logIn(page, PERSON, PASSWORD);
  await at("/account");
  await page.getByRole("link", { name: "Add a passkey" }).click();
  await key.present(true);
  await examine(page, "new passkey");
  await page.getByLabel("Name").fill("Keyring");
  await press("Create passkey");
  await page.getByRole("status").waitFor();
  await examine(page, "account, with a passkey");
  await letter(PERSON, "A new way to sign in was added");

  // Used: among what the address field offers, then by the button
  await signOut();
  await leave();
  await home();
  said.byField = claims(await token()).amr;
  await signOut();
  await context.addInitScript(() => { PublicKeyCredential.isConditionalMediationAvailable = async () => false; });
  await begin();
  await press("Use a passkey");
  await home();
  said.byButton = claims(await token()).amr;

  // Also on the phone, whose provider has the same passkey
  const phone = await visitor({ refused: true, viewport: { width: 390, height: 780 } });
  const copy = await authenticator(phone.page, { defaultBackupEligibility: true, defaultBackupState: true });
  for (const credential of await key.credentials()) await copy.take(credential);
  await leave(phone.page);
  await home(phone.page);
  const onPhone = await token(phone.page);
  said.onPhone = claims(onPhone).acr;
  await letter(PERSON, "New sign-in to your account");

  // By password again; a call that wants more is refused, the module steps up and sends it again
  await signOut();
  await key.present(false);
  await begin();
  await logIn(page, PERSON, PASSWORD);
  await home();
  said.poor = claims(await token()).acr;
  const session = await sessionOf(page);
  expect(401, "/0/orders");
  page.evaluate((url) => auth.fetch(url, {
    method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ drink: "Negroni" }),
  }), `${job.api}/0/orders`).catch(() => {}); // leaves the page
  await page.getByRole("heading", { name: "One more step" }).waitFor();
  await examine(page, "second step, with a passkey");
  await key.present(true);
  await press("Use a passkey");
  await home();
  said.answer = await page.evaluate(async () => [back.response.status, await back.response.json()]);
  said.sameSession = (await sessionOf(page)) === session;
  const rich = await token();

  // Removed: what it opened ends, the session that removes it is lowered
  said.before = [await doors(onPhone), await doors(rich)];
  await page.goto(`${job.issuer}/account`);
  const done = page.waitForResponse((one) => one.url().endsWith("/account/passkeys/remove") && one.request().method() === "POST");
  await page.locator("#passkey-list").getByRole("button", { name: "Remove" }).click();
  await done;
  const removed = Date.now();
  const closed = ({ verifiers, replicas }) => verifiers.every((status) => status === 401) && !replicas.some(Boolean);
  const until = async (token) => {
    let last;
    while (!closed(last = await doors(token)) && Date.now() - removed < 10_000) await sleep(20);
    return [last, Date.now() - removed];
  };
  [said.phone, said.stepped] = await Promise.all([until(onPhone), until(rich)]);
  await page.getByRole("status").waitFor();
  await examine(page, "account, without the passkey");
  said.phoneEnded = await phone.page.evaluate(async (url) => {
    await auth.fetch(url).catch(() => {});
    return [auth.user, ended];
  }, `${job.api}/1/standing`);
  await letter(PERSON, "A way to sign in was removed");

  // An authenticator app
  await page.getByRole("link", { name: "Manage second factors" }).click();
  await examine(page, "second factors");
  await press("Set up an app");
  await examine(page, "setting up an app");
  const secret = await page.locator("code.secret").textContent();
  await page.getByLabel("The code that the app shows").fill(oneTimeCode(secret));
  await press("Confirm");
  await page.getByRole("heading", { name: "Recovery codes" }).waitFor();
  await examine(page, "recovery codes");
  const codes = await page.locator(".codes code").allTextContents();
  said.recoveryCodes = codes.length;
  await page.getByRole("link", { name: "I have kept them" }).click();
  await examine(page, "second factors, with an app");

  // The password is forgotten: the letter asks for the second factor before it brings a new one
  await signOut();
  await page.goto(`${job.issuer}/login?next=/account`);
  await page.getByRole("link", { name: "Forgot your password?" }).click();
  await examine(page, "reset");
  await page.getByLabel("E-mail address").fill(PERSON);
  await press("Send mail");
  await page.goto((await letter(PERSON, "Choose a new password")).links[0]);
  await page.getByRole("heading", { name: "One more step" }).waitFor();
  await examine(page, "second factor of a reset");
  await page.getByText("Use a recovery code instead").click();
  expect(400, "/proof/second");
  await page.getByLabel("Recovery code").fill("no such code");
  await page.getByLabel("Recovery code").press("Enter");
  await page.getByRole("alert").waitFor();
  await examine(page, "second factor of a reset, wrong code");
  await page.getByLabel("Recovery code").fill(codes[0]);
  await page.getByLabel("Recovery code").press("Enter");
  await examine(page, "choose a new password");
  await page.getByLabel("New password", { exact: true }).fill(NEW);
  await page.getByLabel("Repeat the new password").fill(NEW);
  await press("Save password");
  await page.getByRole("heading", { name: "Your password is changed" }).waitFor();
  await examine(page, "your password is changed");
  await page.goto(`${job.issuer}/login?next=/account`);
  expect(400, "/login");
  await logIn(page, PERSON, PASSWORD);
  await page.getByRole("alert").waitFor();
  await logIn(page, PERSON, NEW);
  await page.getByRole("heading", { name: "One more step" }).waitFor();
  await examine(page, "second step, with an app");
  said.notYet = (await context.request.get(`${job.issuer}/account`, { maxRedirects: 0 })).status();
  expect(400, "/login/second");
  await page.getByLabel("One-time code").fill("000000");
  await page.getByLabel("One-time code").press("Enter");
  await page.getByRole("alert").waitFor();
  await examine(page, "second step, wrong code");
  await page.getByLabel("One-time code").fill(oneTimeCode(secret, 1));
  await page.getByLabel("One-time code").press("Enter");
  await at("/account");
  await page.getByRole("link", { name: "Show all" }).click();
  await examine(page, "events");
  said.events = await page.locator(".events li > p:first-child").allTextContents();
  await letter(PERSON, "Your password was changed");
  said.letters = (await letters(PERSON)).map((one) => one.subject);
  return said;
});
