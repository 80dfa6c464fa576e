// authsvc in a browser. How and why: clients/browser/README.md

const TWINS = "authsvc_twins";
const KEYS = ["refresh_token", "access_token_times", "access_token", TWINS, "user"]; // `user` last: tabs watch it
const LOGIN = "authsvc_login";
const SETTLE = 50; // ms until all tabs see it

export class AuthError extends Error {
  constructor(code, message = code, status = 0, retryAfter = 0, maxAge, said) {
    super(message);
    Object.assign(this, { name: "AuthError", code, status, retryAfter, maxAge, said });
  }
  get temporary() {
    return this.code === "network" || this.status === 429 || this.status >= 500;
  }
}

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const bytes = (text) => new TextEncoder().encode(text);
const base64url = (data) =>
  btoa(String.fromCharCode(...new Uint8Array(data))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=/g, "");
const unbase64url = (text) =>
  Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (char) => char.charCodeAt(0));
const noise = (size) => crypto.getRandomValues(new Uint8Array(size));
const random = () => base64url(noise(32));
const sha256 = async (text) => base64url(await crypto.subtle.digest("SHA-256", bytes(text)));
const form = (fields) => new URLSearchParams(Object.entries(fields).filter(([, value]) => value));
const parsed = (text) => {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
};
function secure() {
  if (!crypto.subtle) throw new AuthError("insecure_context", "needs https or localhost");
}
const read = (data) => JSON.parse(new TextDecoder().decode(data));
const claimsOf = (jwt) => read(unbase64url(jwt.split(".")[1]));
const wrongProof = (said) => /use_dpop_nonce|invalid_dpop_proof/.test(said);
// A challenge for something else than a token is the app's to read.
const refused = ({ status, headers }) =>
  status === 401 && !/error="?(?!invalid_token|invalid_dpop_proof)\w/.test(headers.get("www-authenticate"));

function web(name) {
  try {
    return globalThis[name] ?? null;
  } catch {
    return null;
  }
}

const inMemory = (kept = {}) => ({
  getItem: (key) => kept[key] ?? null,
  setItem: (key, value) => { kept[key] = value; },
  removeItem: (key) => delete kept[key],
});

// Web Locks, or a lease. `work` throws nothing.
async function locked(name, work) {
  if (navigator.locks) {
    const signal = AbortSignal.timeout(30000);
    return navigator.locks.request(name, { signal }, work).catch(work); // the holder hangs
  }
  const store = web("localStorage") ?? inMemory();
  const mine = random();
  for (let waited = 0; waited < 30000; waited += SETTLE) {
    const [holder, until] = store.getItem(name)?.split(" ") ?? [];
    if (holder === mine) break;
    if (!(until > Date.now())) store.setItem(name, `${mine} ${Date.now() + 8000}`);
    await sleep(SETTLE);
  }
  await work();
  if (store.getItem(name)?.startsWith(mine)) store.removeItem(name);
}

// Again: always, or where the service did nothing.
async function persist(work, always = true) {
  for (const wait of [500, 1500, 0]) {
    try {
      return await work();
    } catch (error) {
      if (!wait || error.retryAfter > 5 || !(always ? error.temporary : error.status === 503)) throw error;
      await sleep(Math.max(wait, error.retryAfter * 1000));
    }
  }
}

const wish = (request) => new Promise((resolve, reject) => {
  request.onsuccess = () => resolve(request.result);
  request.onerror = () => reject(request.error);
});

async function keyPair(name) {
  const pair = await crypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, false, ["sign"]);
  try {
    const opening = indexedDB.open("authsvc", 1);
    opening.onupgradeneeded = () => opening.result.createObjectStore("keys");
    const database = await wish(opening);
    const keys = () => database.transaction("keys", "readwrite").objectStore("keys");
    await wish(keys().add(pair, name)).catch(() => {});
    return await wish(keys().get(name));
  } catch {
    return pair;
  }
}

function possession(name) {
  const nonces = {};
  const pair = crypto.subtle && keyPair(name);
  let skew = 0;
  return {
    async proof(method, url, token) {
      const { privateKey, publicKey } = await pair;
      const { crv, kty, x, y } = await crypto.subtle.exportKey("jwk", publicKey);
      const { origin, pathname } = new URL(url);
      const said = {
        jti: random(), htm: method, htu: origin + pathname, iat: Math.floor((Date.now() + skew) / 1000),
        nonce: nonces[origin], ath: token ? await sha256(token) : undefined,
      };
      const head = { typ: "dpop+jwt", alg: "ES256", jwk: { crv, kty, x, y } };
      const text = [head, said].map((part) => base64url(bytes(JSON.stringify(part)))).join(".");
      const signature = await crypto.subtle.sign({ name: "ECDSA", hash: "SHA-256" }, privateKey, bytes(text));
      return `${text}.${base64url(signature)}`;
    },
    learn(url, { status, headers }) {
      const [nonce, date] = [headers.get("dpop-nonce"), headers.get("date")];
      if (nonce) nonces[new URL(url).origin] = nonce;
      if (date && status > 399) skew = Date.parse(date) - Date.now(); // others may be cached
    },
  };
}

export function createClient(options) {
  const { clientId, redirectUri, storage = "session", scope = "openid profile email", onLoggedOut } = options;
  const issuer = options.issuer.replace(/\/$/, "");
  const origins = new Set([issuer, ...(options.origins ?? [])].map((url) => new URL(url).origin));
  const name = `authsvc ${issuer} ${clientId}`;
  const dpop = options.dpop ? possession(name) : null;
  const scheme = dpop ? "DPoP " : "Bearer ";
  const shared = web("localStorage");
  const store = { local: shared, session: web("sessionStorage") }[storage] ?? inMemory();
  const listeners = new Set();
  const get = (key) => store.getItem(key);
  let renewing, returning, rotated;

  migrate();
  let known = get("user");

  const channel = new BroadcastChannel(name);
  channel.onmessage = () => {
    if (storage === "local" || !known) return;
    leave("elsewhere");
  };
  const look = () => changed("elsewhere");
  const events = ["storage", "pageshow"]; // back from a cache
  for (const event of events) addEventListener(event, look);

  function changed(reason) {
    const now = get("user");
    if (now === known) return;
    known = now;
    listeners.forEach((listener) => listener(client.user));
    if (now === null && reason) onLoggedOut?.(reason);
  }

  function drop(reason) {
    if (reason !== "session_over") shared?.setItem(LOGIN, "login");
    for (const key of KEYS) store.removeItem(key);
    changed(reason);
    return null;
  }

  function migrate() {
    const old = [["bartender_token", "bartender"], ["admin_token", "admin_user"]];
    old.sort(([token]) => (token.startsWith(clientId) ? -1 : 0));
    for (const place of [shared, web("sessionStorage")]) {
      for (const [token, user] of place ? old : []) {
        const found = place.getItem(token);
        if (found && !get("access_token")) {
          store.setItem("access_token", found);
          store.setItem("user", place.getItem(user));
        }
        place.removeItem(token);
        place.removeItem(user);
      }
    }
  }

  // From the receipt, by our clock. Others' tokens have none.
  const times = () => parsed(get("access_token_times")) ?? [Infinity, Infinity];

  function keep(said) {
    const end = Date.now() + said.expires_in * 1000;
    if (said.refresh_token) store.setItem("refresh_token", said.refresh_token);
    store.setItem("access_token_times", JSON.stringify([end - Math.min(60000, said.expires_in * 333), end]));
    store.setItem("access_token", said.access_token);
  }

  // For duplicates of this tab.
  async function share(way) {
    try {
      const secret = get(TWINS);
      const slot = `${name} ${secret[0]}`;
      const key = await crypto.subtle.importKey("raw", unbase64url(secret), "AES-GCM", false, [way]);
      const cipher = async (iv, data) => new Uint8Array(await crypto.subtle[way]({ name: "AES-GCM", iv }, key, data));
      if (way === "encrypt") {
        const iv = noise(12);
        shared.setItem(slot, base64url([...iv, ...await cipher(iv, bytes(JSON.stringify(KEYS.map(get))))]));
      } else {
        const found = unbase64url(shared.getItem(slot));
        const values = read(await cipher(found.slice(0, 12), found.slice(12)));
        if (get(TWINS) === secret) KEYS.forEach((key, n) => store.setItem(key, values[n]));
      }
    } catch {}
  }

  async function send(request, token, again = true) {
    const copy = dpop && again && request.clone();
    if (token) request.headers.set("authorization", scheme + token);
    if (dpop) request.headers.set("dpop", await dpop.proof(request.method, request.url, token));
    const answer = await fetch(request);
    dpop?.learn(request.url, answer);
    if (copy && !answer.ok) {
      const said = answer.headers.get("www-authenticate") + (await answer.clone().text());
      if (wrongProof(said)) return send(copy, token, false);
    }
    return answer;
  }

  async function failure(answer) {
    const said = parsed(await answer.text()) ?? {};
    const later = +answer.headers.get("retry-after") || 0;
    const maxAge = /max_age="?(\d+)/.exec(answer.headers.get("www-authenticate"))?.[1];
    return new AuthError(said.error ?? "unexpected", said.error_description, answer.status, later, maxAge, said);
  }

  async function post(path, fields) {
    const all = { client_id: clientId, ...fields };
    let answer;
    if (dpop) secure();
    try {
      const signal = AbortSignal.timeout(8000);
      answer = await send(new Request(issuer + path, {
        body: path.startsWith("/api") ? new Blob([JSON.stringify(all)], { type: "application/json" }) : form(all),
        method: "POST", signal, credentials: "omit", cache: "no-store", keepalive: true,
      }));
      if (answer.ok) return answer.status === 204 ? undefined : await answer.json();
    } catch (cause) {
      throw new AuthError("network", cause.message);
    }
    throw await failure(answer);
  }

  // A token that is not `stale`; null: the login is over. Rejects where nobody knows.
  async function renew(stale) {
    renewing ??= new Promise((resolve, reject) => {
      locked(name, async () => {
        rotated = 0;
        await persist(() => rotate(stale)).then(resolve, reject);
        await sleep(rotated);
      }).catch(reject);
    }).finally(() => { renewing = null; });
    const token = await renewing;
    return token && token === stale ? renew(stale) : token;
  }

  async function rotate(stale) {
    await share("decrypt");
    const [refresh_token, access] = [get("refresh_token"), get("access_token")];
    if (access && access !== stale && Date.now() < times()[1]) return access; // another tab was quicker
    if (!refresh_token) return drop("session_over");
    let said, failed;
    try {
      said = await post("/token", { grant_type: "refresh_token", refresh_token });
    } catch (error) {
      failed = error;
    }
    if (get("refresh_token") !== refresh_token) return rotate(stale);
    // A proof that is wrong twice: the key is lost.
    if (["invalid_grant", "invalid_dpop_proof"].includes(failed?.code)) return drop("session_over");
    if (failed) throw failed;
    keep(said);
    rotated = SETTLE;
    await share("encrypt");
    return said.access_token;
  }

  async function getAccessToken() {
    const access = get("access_token");
    const [soon, end] = times();
    if (Date.now() < soon) return access;
    const renewed = renew(access).catch((error) => {
      if (Date.now() < end) return access;
      throw error;
    });
    renewed.catch(() => {});
    return Date.now() < (soon + end) / 2 ? access : renewed;
  }

  async function authFetch(input, init) {
    const request = new Request(input, init);
    const own = !request.headers.has("authorization") && origins.has(new URL(request.url).origin);
    const token = own && (await getAccessToken());
    if (!token) return fetch(request);
    const copy = request.clone();
    let answer = await send(request, token);
    const newer = refused(answer) && (await renew(token));
    if (newer) {
      answer = await send(copy, newer);
      if (refused(answer) && get("access_token") === newer) drop("refused");
    }
    return answer;
  }

  function axios(instance) {
    const { request, response } = instance.interceptors;
    const asked = request.use(async (config) => {
      const { href: url, origin } = new URL(instance.getUri(config), location.href);
      const own = (config.authsvc || !config.headers.has("authorization")) && origins.has(origin);
      const token = own && (await getAccessToken());
      if (!token) return config;
      config.headers.set("authorization", scheme + token);
      if (dpop) config.headers.set("dpop", await dpop.proof((config.method || "get").toUpperCase(), url, token));
      config.authsvc = { ...config.authsvc, token, url };
      return config;
    });
    const answered = response.use(null, async (error) => {
      const { config, response: answer } = error;
      const mark = config?.authsvc;
      if (!mark || !answer) throw error;
      dpop?.learn(mark.url, answer);
      const again = (why) => instance.request({ ...config, authsvc: { ...mark, [why]: true } });
      if (dpop && !mark.proof && wrongProof(answer.headers.get("www-authenticate"))) return again("proof");
      if (!refused(answer)) throw error;
      if (mark.stale && get("access_token") === mark.token) drop("refused");
      if (!mark.stale && (await renew(mark.token))) return again("stale");
      throw error;
    });
    return () => {
      request.eject(asked);
      response.eject(answered);
    };
  }

  function enter(said, user = said.user) {
    shared?.removeItem(LOGIN);
    store.removeItem("refresh_token");
    if (storage === "session") store.setItem(TWINS, random());
    keep(said);
    store.setItem("user", JSON.stringify(user));
    changed();
  }

  async function login({ returnTo = location.href, prompt = shared?.getItem(LOGIN), loginHint, ...more } = {}) {
    secure();
    const [state, nonce, verifier] = [random(), random(), random()];
    sessionStorage.setItem(LOGIN, JSON.stringify({ state, nonce, verifier, returnTo }));
    const query = form({
      response_type: "code", client_id: clientId, redirect_uri: redirectUri, scope, state, nonce,
      code_challenge: await sha256(verifier), code_challenge_method: "S256", prompt, login_hint: loginHint,
      ...more,
    });
    location.assign(`${issuer}/authorize?${query}`);
    return new Promise(() => {});
  }

  async function redeem() {
    const answer = Object.fromEntries(new URLSearchParams(location.search));
    const kept = parsed(sessionStorage.getItem(LOGIN));
    const [mine, ours] = [kept?.state === answer.state, answer.iss === issuer];
    if (!kept || !(mine || ours) || !(answer.code || answer.error)) return null; // another's
    if (location.pathname !== new URL(redirectUri).pathname) return null;
    history.replaceState(history.state, "", redirectUri);
    if (!mine) throw new AuthError("state_mismatch");
    sessionStorage.removeItem(LOGIN);
    if (!ours) throw new AuthError("iss_mismatch");
    if (answer.error) throw new AuthError(answer.error, answer.error_description);
    // A code's second use ends the session.
    const said = await persist(() => post("/token", {
      grant_type: "authorization_code", redirect_uri: redirectUri, code: answer.code, code_verifier: kept.verifier,
    }), false);
    const { iss, aud, nonce, sub: id } = claimsOf(said.id_token);
    if (iss !== issuer || String(aud) !== clientId || nonce !== kept.nonce) throw new AuthError("id_token_mismatch");
    const { roles = [] } = claimsOf(said.access_token);
    const asked = send(new Request(`${issuer}/userinfo`), said.access_token);
    const { sub, email, email_verified, name } = await asked.then((got) => got.json()).catch(() => ({}));
    enter(said, sub === id ? { id, email, email_verified, name, roles } : { id, roles });
    return { user: client.user, returnTo: kept.returnTo };
  }

  async function firstParty(path, fields) {
    const said = await post(path, fields);
    if (said?.user) enter(said);
    return said;
  }

  async function loginWithPassword(email, password, { rememberMe = false, deviceInfo, secondFactor } = {}) {
    const fields = { email, password, remember_me: rememberMe, device_info: deviceInfo };
    await firstParty("/api/auth/login", fields).catch(async (error) => {
      const { ways, mfa_challenge } = error.said ?? {};
      if (!ways || !secondFactor) throw error;
      await firstParty("/api/auth/login/second", { ...await secondFactor(ways, error.said), mfa_challenge });
    });
    return client.user;
  }

  const end = (path, fields) => persist(() => post(path, fields)).then(() => true, () => false);

  function leave(reason) {
    const [refresh_token, token] = [get("refresh_token"), get("access_token")];
    drop(reason);
    return refresh_token ? end("/api/auth/logout", { refresh_token }) : !token || end("/revoke", { token });
  }

  async function logout() {
    channel.postMessage(0);
    return leave();
  }

  async function api(path, method = "GET") {
    const answer = await authFetch(issuer + path, { method, credentials: "omit" });
    if (!answer.ok) throw await failure(answer);
    return answer.status === 204 ? undefined : await answer.json();
  }

  const client = {
    login,
    handleRedirect: () => (returning ??= redeem()),
    loginWithPassword,
    firstParty,
    logout,
    getAccessToken,
    get user() { return parsed(get("user")); },
    fetch: authFetch,
    axios,
    sessions: async () => (await api("/api/auth/sessions")).sessions,
    endSession: (id) => api(`/api/auth/sessions/${encodeURIComponent(id)}`, "DELETE"),
    endOtherSessions: async () => (await api("/api/auth/sessions", "DELETE")).ended,
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    close() {
      channel.close();
      for (const event of events) removeEventListener(event, look);
    },
  };
  return client;
}
