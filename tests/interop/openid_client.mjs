// npm's openid-client through its documented interface; every optional check is on.
import * as client from "openid-client";
import { CLIENT_SECRET, ISSUER, REDIRECT, SIGNED_OUT, done, open, privateKey, refused } from "./talk.mjs";

const SCOPE = "openid profile email offline_access";
const FLOWS = { code, fapi, service, device };

async function discover(id, authentication, metadata) {
  const config = await client.discovery(new URL(ISSUER), id, metadata, await authentication);
  client.enableNonRepudiationChecks(config); // signatures are verified although they came over TLS
  return config;
}

const key = async () => ({ key: await privateKey(), kid: "k" });
const keyed = async () => client.PrivateKeyJwt(await key());

/** The request as an object that the client signs (RFC 9101), pushed. */
async function signedAndPushed(config, parameters, options) {
  const signed = await client.buildAuthorizationUrlWithJAR(config, parameters, await key());
  return client.buildAuthorizationUrlWithPAR(config, signed.searchParams, options);
}

/** A login, up to the tokens. `build` makes the address, here or by a push. */
async function login(config, build, options) {
  const checks = {
    pkceCodeVerifier: client.randomPKCECodeVerifier(),
    expectedState: client.randomState(),
    expectedNonce: client.randomNonce(),
    idTokenExpected: true,
    maxAge: 600,
  };
  const url = await build(config, {
    redirect_uri: REDIRECT,
    scope: SCOPE,
    state: checks.expectedState,
    nonce: checks.expectedNonce,
    max_age: "600",
    code_challenge: await client.calculatePKCECodeChallenge(checks.pkceCodeVerifier),
    code_challenge_method: "S256",
  }, options);
  return client.authorizationCodeGrant(config, await open(url), checks, undefined, options);
}

async function logout(config, tokens) {
  const state = client.randomState();
  const url = client.buildEndSessionUrl(config, {
    id_token_hint: tokens.id_token, post_logout_redirect_uri: SIGNED_OUT, state,
  });
  const back = await open(url);
  return back.origin + back.pathname === SIGNED_OUT && back.searchParams.get("state") === state;
}

async function code(id, method) {
  const methods = {
    client_secret_basic: () => client.ClientSecretBasic(CLIENT_SECRET),
    client_secret_post: () => client.ClientSecretPost(CLIENT_SECRET),
    private_key_jwt: keyed,
    none: client.None,
  };
  const config = await discover(id, methods[method]());
  const first = await login(config, client.buildAuthorizationUrl);
  const claims = first.claims();
  const user = await client.fetchUserInfo(config, first.access_token, claims.sub);
  const second = await client.refreshTokenGrant(config, first.refresh_token);
  const active = method === "none" ? null : [await client.tokenIntrospection(config, second.access_token)];
  await client.tokenRevocation(config, second.access_token);
  active?.push(await client.tokenIntrospection(config, second.access_token));
  await client.tokenRevocation(config, second.refresh_token);
  const afterRevocation = await refused(client.refreshTokenGrant(config, second.refresh_token));

  const third = await login(config, client.buildAuthorizationUrl);
  const loggedOut = await logout(config, third);
  const afterLogout = await refused(client.refreshTokenGrant(config, third.refresh_token));
  done({ claims, user, active, afterRevocation, loggedOut, afterLogout, last: third.access_token });
}

/** FAPI 2.0 in the main: private_key_jwt, pushed requests, tokens bound by DPoP. */
async function fapi(id, how) {
  const config = await discover(id, keyed());
  const DPoP = client.getDPoPHandle(config, await client.randomDPoPKeyPair("ES256"));
  const plain = new URL(await open(client.buildAuthorizationUrl(config, { redirect_uri: REDIRECT, scope: SCOPE })));
  const build = how === "signed" ? signedAndPushed : client.buildAuthorizationUrlWithPAR;
  const first = await login(config, build, { DPoP });
  const user = await client.fetchUserInfo(config, first.access_token, first.claims().sub, { DPoP });
  const stolen = await client.fetchProtectedResource(config, first.access_token, new URL(`${ISSUER}/userinfo`), "GET")
    .then((answer) => answer.status, (error) => error.status);
  const second = await client.refreshTokenGrant(config, first.refresh_token, undefined, { DPoP });
  const loggedOut = await logout(config, first);
  const afterLogout = await refused(client.refreshTokenGrant(config, second.refresh_token, undefined, { DPoP }));
  done({
    claims: first.claims(), user, types: [first.token_type, second.token_type], stolen, loggedOut, afterLogout,
    plain: plain.searchParams.get("error"), last: second.access_token,
  });
}

/** A service of its own, without a person; introspection answers are signed (RFC 9701). */
async function service(id) {
  const config = await discover(id, keyed(), { introspection_signed_response_alg: "RS256" });
  const token = await client.clientCredentialsGrant(config, { scope: "profile", resource: "https://api.example" });
  const before = await client.tokenIntrospection(config, token.access_token);
  await client.tokenRevocation(config, token.access_token);
  const after = await client.tokenIntrospection(config, token.access_token);
  done({ before, after, scope: token.scope });
}

async function device(id) {
  const config = await discover(id, client.None());
  const asked = await client.initiateDeviceAuthorization(config, { scope: SCOPE });
  const polled = client.pollDeviceAuthorizationGrant(config, asked);
  await open(asked.verification_uri_complete);
  const tokens = await polled;
  const user = await client.fetchUserInfo(config, tokens.access_token, tokens.claims().sub);
  const next = await client.refreshTokenGrant(config, tokens.refresh_token);
  await client.tokenRevocation(config, next.refresh_token);
  done({
    claims: tokens.claims(), user, last: next.access_token,
    afterRevocation: await refused(client.refreshTokenGrant(config, next.refresh_token)),
  });
}

const [flow, ...options] = process.argv.slice(2);
await FLOWS[flow](...options);
