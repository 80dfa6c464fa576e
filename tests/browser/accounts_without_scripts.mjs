// The same in a browser that runs no script, by passwords and codes: registered in the middle of an app's request, an
// app with codes, another address, a password forgotten, the account deleted.
import { letter, letters, oneTimeCode } from "./letters.mjs";
import { claims } from "./people.mjs";
import { authorizeUrl, examine, expect, job, logIn, play, post, sleep, visitor } from "./stage.mjs";

const PERSON = "otto@example.com";
const MOVED = "otto@example.org";
const PASSWORD = "a lamp above the heath";
const NEW = "a moth around the lamp";
const CALLBACK = `${job.app}/house/local`;

await play(async () => {
  const { page } = await visitor({ javaScriptEnabled: false });
  const said = {};
  // axe-core is a script as well: it looks at what was shown in a browser that runs scripts.
  const examiner = await visitor();
  const look = async (label) => {
    const shown = { body: await page.content(), contentType: "text/html; charset=utf-8" };
    await examiner.page.route((url) => url.href === page.url(), (route) => route.fulfill(shown), { times: 1 });
    await examiner.page.goto(page.url());
    await examine(examiner.page, label);
  };
  const press = (name) => page.getByRole("button", { name, exact: true }).click();
  const titled = (name) => page.getByRole("heading", { name }).waitFor();
  const choose = async (password, name) => {
    if (name) await page.getByLabel("Name", { exact: true }).fill(name);
    await page.getByLabel("New password", { exact: true }).fill(password);
    await page.getByLabel("Repeat the new password").fill(password);
  };
  const type = async (code) => {
    await page.getByLabel("Code from the mail").fill(code);
    await press("Continue");
  };
  const give = async (label, code) => {
    await page.getByLabel(label).fill(code);
    await page.getByLabel(label).press("Enter");
  };
  const signOut = async () => {
    await page.goto(`${job.issuer}/logout`);
    await press("Sign out");
    await titled("You are signed out");
  };
  const account = () => page.waitForURL((url) => url.pathname === "/account");
  /** What the client gets for the code that is in the address. */
  const redeem = async (asked) => {
    await page.waitForURL((url) => url.origin === job.app && url.searchParams.has("code"));
    const form = { grant_type: "authorization_code", client_id: "house", redirect_uri: CALLBACK, code_verifier: asked.verifier };
    return (await post("/token", { ...form, code: new URL(page.url()).searchParams.get("code") })).json();
  };
  const standing = async ({ access_token }, number) =>
    (await fetch(`${job.api}/${number}/standing`, { headers: { authorization: `Bearer ${access_token}` } })).status;

  // Registered by the code: the app's request goes on
  const asked = authorizeUrl("house", CALLBACK);
  await page.goto(asked.url);
  said.noPasskey = !(await page.getByRole("button", { name: "Use a passkey" }).isVisible());
  await page.getByRole("link", { name: "Create an account" }).click();
  await page.getByLabel("E-mail address").fill(PERSON);
  await press("Send mail");
  await titled("Look at your mail");
  const { code } = await letter(PERSON, "Create your account");
  expect(400, "/proof/code");
  await type(code.replace(/\d/, (digit) => (Number(digit) + 1) % 10));
  await page.getByRole("alert").waitFor();
  await look("wrong code");
  await type(code);
  await titled("Create your account");
  expect(400, "/proof");
  await choose("password", "Otto");
  await press("Create account");
  await page.getByRole("alert").waitFor();
  await look("common password");
  said.kept = await page.getByLabel("Name", { exact: true }).inputValue();
  await choose(PASSWORD);
  await press("Create account");
  await titled("Your account is there");
  await press("Sign in");
  await logIn(page, PERSON, PASSWORD);
  const first = await redeem(asked);
  said.first = claims(first.access_token).amr;
  const userinfo = await fetch(`${job.issuer}/userinfo`, { headers: { authorization: `Bearer ${first.access_token}` } });
  said.verified = (await userinfo.json()).email_verified;

  // An app with codes, and from now on a second step
  await page.goto(`${job.issuer}/account/factors`);
  await press("Set up an app");
  const secret = await page.locator("code.secret").textContent();
  expect(400, "/account/factors/otp/confirm");
  await give("The code that the app shows", "000000");
  await page.getByRole("alert").waitFor();
  await look("setting up an app, wrong code");
  await give("The code that the app shows", oneTimeCode(secret));
  await titled("Recovery codes");
  const codes = await page.locator(".codes code").allTextContents();
  await signOut();
  const again = authorizeUrl("house", CALLBACK);
  await page.goto(again.url);
  await logIn(page, PERSON, PASSWORD);
  await titled("One more step");
  await look("second step");
  await give("One-time code", oneTimeCode(secret, 1));
  said.second = claims((await redeem(again)).access_token).amr;

  // Another address, by the link of its letter; the former one hears of it
  await page.goto(`${job.issuer}/account`);
  await page.getByLabel("New e-mail address").fill(MOVED);
  await press("Change address");
  await page.goto((await letter(MOVED, "Use this e-mail address")).links[0]);
  await titled("Use this address?");
  await look("use this address?");
  await press("Use this address");
  await titled("Your address is changed");
  await look("address changed");
  const [undo] = (await letter(PERSON, "Your account has another e-mail address")).links;
  await page.goto(undo);
  await titled("Undo the change of address?");
  await look("undo the change?");

  // The password is forgotten: the code in the mail, the second factor, a new password; and the next login asks as ever
  await page.goto(`${job.issuer}/reset`);
  await page.getByLabel("E-mail address").fill(MOVED);
  await press("Send mail");
  await type((await letter(MOVED, "Choose a new password")).code);
  await titled("One more step");
  await look("second factor of a reset");
  await page.getByText("Use a recovery code instead").click();
  await give("Recovery code", codes[1]);
  await choose(NEW);
  await press("Save password");
  await titled("Your password is changed");
  const last = authorizeUrl("house", CALLBACK);
  await page.goto(last.url);
  await logIn(page, MOVED, NEW);
  await titled("One more step");
  await page.getByText("Use a recovery code instead").click();
  await give("Recovery code", codes[0]);
  const tokens = await redeem(last);
  said.recovered = claims(tokens.access_token).amr;
  await letter(MOVED, "A recovery code was used");

  // Name and language, what happened, and the end
  await page.goto(`${job.issuer}/account`);
  await page.getByRole("link", { name: "Change name or language" }).click();
  await look("name and language");
  await page.goto(`${job.issuer}/account`);
  await page.getByRole("link", { name: "Delete the account …" }).click();
  await look("delete the account?");
  said.before = await Promise.all([0, 1].map((number) => standing(tokens, number)));
  await press("Delete for ever");
  const deleted = Date.now();
  await titled("Your account is deleted");
  do {
    said.after = await Promise.all([0, 1].map((number) => standing(tokens, number)));
    said.within = Date.now() - deleted;
  } while (said.after.some((status) => status !== 401) && said.within < 10_000 && (await sleep(20), true));
  await look("the account is deleted");
  await letter(MOVED, "Your account was deleted");

  // Somebody whom an operator added confirms the address
  await page.goto(`${job.issuer}/login?next=/account`);
  await logIn(page, "admin@example.com");
  await account();
  await press("Confirm this address");
  await page.goto((await letter("admin@example.com", "Confirm your e-mail address")).links[0]);
  await look("confirm your address");
  await press("Confirm");
  await titled("Your address is confirmed");
  await look("address confirmed");
  await page.goto(`${job.issuer}/account`);
  said.confirmed = await page.locator("[aria-labelledby=address] .badge").textContent();
  said.letters = [(await letters(PERSON)), (await letters(MOVED))].map((all) => all.map((one) => one.subject));
  return said;
});
