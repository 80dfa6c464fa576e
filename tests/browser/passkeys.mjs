// A passkey in Chromium, by its virtual authenticator: made on the account page, used by the button and by the address
// field, removed; its sessions end. `job.client`: a public client of the house.
import { authorizeUrl, examine, expect, fault, job, logIn, play, post, sleep, standing, visitor } from "./stage.mjs";

const PERSON = "test@example.com";

/** An authenticator of this page's browser, with a person who is there and verified. */
async function authenticator(page) {
  const cdp = await page.context().newCDPSession(page);
  await cdp.send("WebAuthn.enable", { enableUI: false });
  const { authenticatorId } = await cdp.send("WebAuthn.addVirtualAuthenticator", {
    options: {
      protocol: "ctap2", transport: "internal", hasResidentKey: true, hasUserVerification: true, isUserVerified: true,
      automaticPresenceSimulation: true,
    },
  });
  return {
    credentials: async () => (await cdp.send("WebAuthn.getCredentials", { authenticatorId })).credentials,
    present: (enabled) => cdp.send("WebAuthn.setAutomaticPresenceSimulation", { authenticatorId, enabled }),
    verified: (isUserVerified) => cdp.send("WebAuthn.setUserVerified", { authenticatorId, isUserVerified }),
    remove: () => cdp.send("WebAuthn.removeVirtualAuthenticator", { authenticatorId }),
  };
}

await play(async () => {
  const { page, context } = await visitor();
  const key = await authenticator(page);
  const press = (name, where = page) => where.getByRole("button", { name, exact: true }).click();
  const account = () => page.waitForURL((url) => url.pathname === "/account");
  const leave = async () => context.clearCookies({ name: "authsvc_session" });
  const said = {};

  // Made
  await page.goto(`${job.issuer}/login?next=/account`);
  await examine(page, "login, with the passkey button");
  said.offered = await page.getByRole("button", { name: "Use a passkey" }).isVisible();
  await logIn(page, PERSON);
  await account();
  await page.getByRole("link", { name: "Add a passkey" }).click();
  await page.getByLabel("Name").fill("My key");
  await examine(page, "new passkey");
  await press("Create passkey");
  await page.getByRole("status").waitFor();
  said.made = await page.getByRole("status").textContent();
  said.cards = await page.locator("#passkey-list h3").allTextContents();
  said.resident = (await key.credentials()).map((one) => [one.isResidentCredential, one.rpId]);
  await page.getByText("Rename").click();
  await examine(page, "account, with a passkey");

  // Not twice on the same authenticator
  await page.goto(`${job.issuer}/account/passkeys/new`);
  await press("Create passkey");
  await page.getByText("already has a passkey").waitFor();
  await examine(page, "new passkey, known");

  // Used by the button
  await key.present(false);
  await leave();
  await page.goto(authorizeUrl("bar", `${job.bar}/callback`).url);
  await key.present(true);
  await press("Use a passkey");
  await page.waitForURL((url) => url.origin === job.bar && url.searchParams.has("code"));

  // Used by the address field
  await leave();
  await page.goto(`${job.issuer}/login?next=/account`);
  await account();
  said.conditional = true;
  return said;
});
