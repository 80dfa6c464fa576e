// Chromium's virtual authenticator: what a phone or a key does for the person who holds it.

/** An authenticator of this page's browser, with a person who is there and verified. `take`: a credential of another one,
 * as a provider brings it to a second device; `present`: whether the person is there. */
export async function authenticator(page, more = {}) {
  const cdp = await page.context().newCDPSession(page);
  await cdp.send("WebAuthn.enable", { enableUI: false });
  const { authenticatorId } = await cdp.send("WebAuthn.addVirtualAuthenticator", {
    options: {
      protocol: "ctap2", transport: "internal", hasResidentKey: true, hasUserVerification: true, isUserVerified: true,
      automaticPresenceSimulation: true, ...more,
    },
  });
  return {
    credentials: async () => (await cdp.send("WebAuthn.getCredentials", { authenticatorId })).credentials,
    take: (credential) => cdp.send("WebAuthn.addCredential", { authenticatorId, credential }),
    present: (enabled) => cdp.send("WebAuthn.setAutomaticPresenceSimulation", { authenticatorId, enabled }),
  };
}
