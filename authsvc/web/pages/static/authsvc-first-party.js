// More for pages of the house: log in with a passkey or a mailed code, register, and choose a new password.
// How and why: clients/browser/README.md

const bytes = (text) =>
  Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (char) => char.charCodeAt(0));
const text = (buffer) =>
  buffer && btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=/g, "");

/** AuthenticationResponseJSON, written by hand: password managers that stand in for the browser often have no toJSON. */
async function assertion({ challenge, allowCredentials, ...others }, how) {
  const allowed = allowCredentials.map((one) => ({ ...one, id: bytes(one.id) }));
  const publicKey = { ...others, challenge: bytes(challenge), allowCredentials: allowed };
  const { id, rawId, type, response } = await navigator.credentials.get({ publicKey, ...how });
  return {
    id, rawId: text(rawId), type, response: {
      clientDataJSON: text(response.clientDataJSON), authenticatorData: text(response.authenticatorData),
      signature: text(response.signature), userHandle: text(response.userHandle),
    },
  };
}

/** Can this browser ask for a passkey at all? */
export const hasPasskeys = () => Boolean(globalThis.PublicKeyCredential && navigator.credentials);

/** Log in with whichever passkey the person chooses. */
export async function loginWithPasskey(client, { rememberMe = false, deviceInfo, ...how } = {}) {
  const { options, passkey_challenge } = await client.firstParty("/api/auth/passkey/options");
  const credential = await assertion(options, how);
  const sent = { passkey_challenge, credential, remember_me: rememberMe, device_info: deviceInfo };
  await client.firstParty("/api/auth/passkey", sent);
  return client.user;
}

/** For `secondFactor`: answer by a passkey. */
export const withPasskey = async (way, said) =>
  ({ way, credential: JSON.stringify(await assertion(said[way].options)) });

/** Let a mail be sent to who wants to log in by its code; what comes back takes it. */
export async function requestLogin(client, email, { rememberMe = false, deviceInfo } = {}) {
  const wish = { email, remember_me: rememberMe, device_info: deviceInfo };
  const { mail_challenge } = await client.firstParty("/api/auth/login/mail", wish);

  async function login(code, { secondFactor } = {}) {
    await client.firstParty("/api/auth/login/mail/finish", { mail_challenge, code }).catch(async (error) => {
      const { ways, mfa_challenge } = error.said ?? {};
      if (!ways || !secondFactor) throw error;
      await client.firstParty("/api/auth/login/second", { ...await secondFactor(ways, error.said), mfa_challenge });
    });
    return client.user;
  }

  return { login };
}

/** Let a mail be sent to who wants an account; what comes back takes its code. */
export async function requestSignUp(client, email) {
  const { signup_challenge } = await client.firstParty("/api/auth/signup", { email });
  const signUp = async (code, name, new_password) => {
    await client.firstParty("/api/auth/signup/finish", { signup_challenge, code, name, new_password });
  };
  return { signUp };
}

/** Let a mail be sent to who forgot the password; what comes back takes its code. */
export async function requestReset(client, email) {
  let sealed = (await client.firstParty("/api/auth/reset", { email })).reset_challenge;
  let right = false; // the code was, and is not asked for again

  async function reset(code, new_password, { secondFactor } = {}) {
    const finish = { reset_challenge: sealed, code: right ? undefined : code, new_password };
    try {
      await client.firstParty("/api/auth/reset/finish", finish);
    } catch (error) {
      const { reset_challenge, mfa_challenge, ways } = error.said ?? {};
      if (reset_challenge) [sealed, right] = [reset_challenge, true];
      if (!ways || !secondFactor) throw error;
      const answer = await secondFactor(ways, error.said);
      await client.firstParty("/api/auth/reset/second", { ...answer, mfa_challenge, new_password });
    }
  }

  return { reset, get codeWasRight() { return right; } };
}
