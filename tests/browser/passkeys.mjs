// A passkey in Chromium, by its virtual authenticator: made on the account page, used by the button, by the address field
// and as a second factor, removed; its sessions end. Without scripts the password still does.
import { authenticator } from "./authenticator.mjs";
import { authorizeUrl, examine, expect, job, logIn, play, post, standing, visitor } from "./stage.mjs";

const PERSON = "test@example.com";
const CALLBACK = `${job.bar}/callback`;

/** The page's calls of the browser's own methods, in their order. */
const watch = (context) => context.addInitScript(() => {
  const note = (what) => sessionStorage.setItem("calls", `${sessionStorage.getItem("calls") ?? ""}${what} `);
  const { get } = CredentialsContainer.prototype;
  CredentialsContainer.prototype.get = function (options) {
    note(options.mediation ?? "asked");
    return get.call(this, options);
  };
  if (sessionStorage.getItem("buttonAlone")) PublicKeyCredential.isConditionalMediationAvailable = async () => false;
  for (const name of ["signalAllAcceptedCredentials", "signalCurrentUserDetails"]) {
    PublicKeyCredential[name] = async ({ rpId }) => note(`${name}(${rpId})`);
  }
});
const calls = (page) => page.evaluate(() => {
  const noted = (sessionStorage.getItem("calls") ?? "").trim().split(" ");
  sessionStorage.removeItem("calls");
  return noted;
});

async function tokens(page, asked) {
  await page.waitForURL((url) => url.origin === job.bar && url.searchParams.has("code"));
  const form = { grant_type: "authorization_code", client_id: "bar", redirect_uri: CALLBACK, code_verifier: asked.verifier };
  return (await post("/token", { ...form, code: new URL(page.url()).searchParams.get("code") })).json();
}
const claims = ({ access_token }) => JSON.parse(Buffer.from(access_token.split(".")[1], "base64url"));

await play(async () => {
  const { page, context } = await visitor();
  await watch(context);
  const key = await authenticator(page);
  const press = (name) => page.getByRole("button", { name, exact: true }).click();
  const account = () => page.waitForURL((url) => url.pathname === "/account");
  const leave = () => context.clearCookies({ name: "authsvc_session" });
  const said = {};

  // Made
  await page.goto(`${job.issuer}/login?next=/account`);
  await page.getByRole("button", { name: "Use a passkey" }).waitFor();
  await examine(page, "login, with a passkey");
  await logIn(page, PERSON);
  await account();
  await page.getByRole("link", { name: "Add a passkey" }).click();
  await page.getByLabel("Name").fill("My key");
  await examine(page, "new passkey");
  await press("Create passkey");
  await page.getByRole("status").waitFor();
  said.made = await page.getByRole("status").textContent();
  said.cards = await page.locator("#passkey-list h3 bdi").allTextContents();
  said.resident = (await key.credentials()).map((one) => [one.isResidentCredential, one.rpId]);

  // Renamed; not made twice on the same authenticator
  await page.getByText("Rename").click();
  await examine(page, "account, with a passkey");
  await page.getByLabel("Name").fill("Keyring");
  await press("Save");
  await page.getByText("The passkey has its new name.").waitFor();
  await page.waitForFunction(() => (sessionStorage.getItem("calls") ?? "").includes("signalCurrentUserDetails"));
  said.renamed = (await calls(page)).at(-1);
  await page.goto(`${job.issuer}/account/passkeys/new`);
  await press("Create passkey");
  await page.getByText("already has a passkey").waitFor();
  await examine(page, "new passkey, known");

  // Used by the button, where the browser offers nothing in the address field
  await leave();
  await page.evaluate(() => sessionStorage.setItem("buttonAlone", "1"));
  const asked = authorizeUrl("bar", CALLBACK);
  await page.goto(asked.url);

  // Not while the network has asked too often: the page says so, and keeps what was typed
  const turnedAway = { status: 429, headers: { "retry-after": "60" }, json: { error: "too_many_attempts" } };
  expect(429, "/login/passkey");
  await page.route("**/login/passkey", (route) => route.fulfill(turnedAway));
  await page.locator("#username").fill(PERSON);
  await press("Use a passkey");
  await page.getByText("in a few minutes").waitFor();
  said.kept = await page.locator("#username").inputValue();
  await examine(page, "login, too many passkeys");
  await page.unroute("**/login/passkey");

  await press("Use a passkey");
  const byButton = await tokens(page, asked);
  said.claims = [claims(byButton).acr, claims(byButton).amr];

  // Used by the address field
  await page.goto(`${job.issuer}/account`);
  said.button = await calls(page);
  await page.evaluate(() => sessionStorage.removeItem("buttonAlone"));
  await leave();
  await page.goto(`${job.issuer}/login?next=/account`);
  await account();
  said.field = await calls(page);

  // As a second factor, beside the password of a session that there is
  await leave();
  await key.present(false);
  await page.goto(`${job.issuer}/login?next=/account`);
  await logIn(page, PERSON);
  await account();
  const higher = authorizeUrl("bar", CALLBACK, { acr_values: "phrh" });
  await page.goto(higher.url);
  await page.getByRole("heading", { name: "One more step" }).waitFor();
  await examine(page, "second step, with a passkey");
  await key.present(true);
  await press("Use a passkey");
  said.steppedUp = claims(await tokens(page, higher)).amr;

  // Without scripts
  const plain = await visitor({ javaScriptEnabled: false });
  await plain.page.goto(`${job.issuer}/login?next=/account`);
  said.hidden = !(await plain.page.getByRole("button", { name: "Use a passkey" }).isVisible());
  await logIn(plain.page, PERSON);
  await plain.page.waitForURL((url) => url.pathname === "/account");
  said.noScript = await plain.page.getByRole("link", { name: "Add a passkey" }).isVisible();

  // Removed, in the browser that runs no script: what the passkey opened ends
  said.before = await standing(byButton.access_token);
  await plain.page.locator("#passkey-list").getByRole("button", { name: "Remove" }).click();
  const removed = Date.now();
  await plain.page.getByRole("status").waitFor();
  said.after = await standing(byButton.access_token);
  said.within = Date.now() - removed;

  // And once more with it: the browser is told what is left
  await page.goto(`${job.issuer}/logout`);
  await leave();
  await key.present(false);
  await page.goto(`${job.issuer}/login?next=/account`);
  await logIn(page, PERSON);
  await account();
  await key.present(true);
  await page.goto(`${job.issuer}/account/passkeys/new`);
  await press("Create passkey");
  await page.getByRole("status").waitFor();
  await calls(page);
  await page.locator("#passkey-list").getByRole("button", { name: "Remove" }).click();
  await page.getByText("The passkey is removed").waitFor();
  await page.waitForFunction(() => (sessionStorage.getItem("calls") ?? "").includes("signalAllAcceptedCredentials"));
  said.told = (await calls(page)).at(-1);
  return said;
});
