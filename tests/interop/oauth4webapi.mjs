// npm's oauth4webapi, which checks every answer by the letter: status, content type, members, signature.
import * as oauth from "oauth4webapi";
import { CLIENT_SECRET, ISSUER, REDIRECT, SIGNED_OUT, done, open, refused } from "./talk.mjs";

const [id, method, audience] = process.argv.slice(2);
const client = { client_id: id, require_auth_time: true, default_max_age: 600 };
const authentication = method === "none" ? oauth.None() : oauth.ClientSecretBasic(CLIENT_SECRET);
const as = await discover("oidc");

async function discover(algorithm) {
  const answer = await oauth.discoveryRequest(new URL(ISSUER), { algorithm });
  return oauth.processDiscoveryResponse(new URL(ISSUER), answer);
}

/** The same request until the server's nonce for proofs is known; what `read` makes of the answer. */
async function send(request, read) {
  try {
    return await read(await request());
  } catch (error) {
    if (!oauth.isDPoPNonceError(error)) throw error;
    return read(await request());
  }
}

async function login(options) {
  const verifier = oauth.generateRandomCodeVerifier();
  const [state, nonce] = [oauth.generateRandomState(), oauth.generateRandomNonce()];
  const url = new URL(as.authorization_endpoint);
  url.search = new URLSearchParams({
    response_type: "code", client_id: id, redirect_uri: REDIRECT, scope: "openid profile email offline_access",
    state, nonce, max_age: "600",
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier), code_challenge_method: "S256",
  });
  const parameters = oauth.validateAuthResponse(as, client, await open(url), state);
  return send(
    () => oauth.authorizationCodeGrantRequest(as, client, authentication, parameters, REDIRECT, verifier, options),
    async (answer) => {
      const checks = { expectedNonce: nonce, requireIdToken: true };
      const tokens = await oauth.processAuthorizationCodeResponse(as, client, answer, checks);
      await oauth.validateApplicationLevelSignature(as, answer);
      return tokens;
    },
  );
}

const refresh = (token, options) => send(
  () => oauth.refreshTokenGrantRequest(as, client, authentication, token, options),
  (answer) => oauth.processRefreshTokenResponse(as, client, answer),
);

async function userinfo(tokens, subject, options) {
  return send(
    () => oauth.userInfoRequest(as, client, tokens.access_token, options),
    (answer) => oauth.processUserInfoResponse(as, client, subject, answer),
  );
}

async function revoke(token) {
  await oauth.processRevocationResponse(await oauth.revocationRequest(as, client, authentication, token));
}

async function introspect(token) {
  const answer = await oauth.introspectionRequest(as, client, authentication, token);
  return oauth.processIntrospectionResponse(as, client, answer);
}

/** The address that a browser returns from the logout to. */
async function logout(tokens) {
  const url = new URL(as.end_session_endpoint);
  url.search = new URLSearchParams({ id_token_hint: tokens.id_token, post_logout_redirect_uri: SIGNED_OUT });
  return String(await open(url));
}

/** A resource server that gets the token, with a proof of the client's key where there is one. */
async function resource(tokens, DPoP) {
  const url = new URL("https://api.example/things");
  let request;
  const catches = async (address, { method, headers }) => {
    request = new Request(address, { method, headers });
    return new Response();
  };
  await oauth.protectedResourceRequest(tokens.access_token, "GET", url, undefined, undefined,
    { DPoP, [oauth.customFetch]: catches });
  return oauth.validateJwtAccessToken(as, request, audience, { requireDPoP: DPoP !== undefined });
}

const key = method === "none" ? await oauth.generateKeyPair("ES256") : undefined;
const DPoP = key && oauth.DPoP(client, key);
const first = await login({ DPoP });
const claims = oauth.getValidatedIdTokenClaims(first);
const user = await userinfo(first, claims.sub, { DPoP });
const second = await refresh(first.refresh_token, { DPoP });
const token = await resource(second, DPoP);
const active = method === "none" ? null : [await introspect(second.access_token)];
await revoke(second.access_token);
active?.push(await introspect(second.access_token));
await revoke(second.refresh_token);
const afterRevocation = await refused(refresh(second.refresh_token, { DPoP }));
const third = await login({ DPoP });
const loggedOutTo = await logout(third);
const afterLogout = await refused(refresh(third.refresh_token, { DPoP }));
done({
  claims, user, token, active, afterRevocation, loggedOutTo, afterLogout, last: third.access_token,
  type: first.token_type, oauth: (await discover("oauth2")).issuer,
});
