// Fakes around the module: tabs of one browser that share localStorage, locks and channels, and a service that rotates
// refresh tokens as the real one does. The module itself is the one that the service serves.
import { readFileSync } from "node:fs";

const source = readFileSync(new URL("../../../authsvc/web/pages/static/authsvc.js", import.meta.url), "utf8");
export const { AuthError, createClient } = await import(`data:text/javascript,${encodeURIComponent(source)}`);

export const ISSUER = "https://auth.example";
export const API = "https://api.example";
const later = globalThis.setTimeout;
export const pause = (ms) => new Promise((resolve) => later(resolve, ms));

export class Storage {
  kept = new Map();
  getItem(key) { return this.kept.get(key) ?? null; }
  setItem(key, value) { this.kept.set(key, String(value)); }
  removeItem(key) { this.kept.delete(key); }
}

/** Web Locks: one holder of a name at a time, in the order of asking. */
class Locks {
  #last = new Map();
  held = 0;
  async request(name, { signal }, work) {
    const before = this.#last.get(name) ?? Promise.resolve();
    let release;
    this.#last.set(name, new Promise((resolve) => { release = resolve; }));
    const cut = new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
    await Promise.race([before, cut]);
    this.held += 1;
    try { return await work(); } finally { this.held -= 1; release(); }
  }
}

/** A service with one login: access tokens `a1`, `a2`..., refresh tokens `r1`, `r2`...; `r(n)` is repeated while
 * `r(n + 1)` is unused, and ends the session later. `spoil` may answer, or throw, in place of it. */
export class Service {
  generation = 1;
  expires_in = 1800;
  ended = false;
  refreshes = [];
  calls = [];
  logouts = [];
  spoil = () => undefined;

  tokens() {
    const { generation: n, expires_in } = this;
    return { access_token: `a${n}`, refresh_token: `r${n}`, token_type: "Bearer", expires_in };
  }

  async answer(request) {
    const url = new URL(request.url);
    const text = await request.text();
    this.calls.push({ url: request.url, method: request.method, headers: request.headers, text });
    const spoilt = await this.spoil(request, text);
    if (spoilt) return spoilt;
    if (url.pathname === "/token") return this.refresh(new URLSearchParams(text));
    if (url.pathname === "/api/auth/login") {
      return json(200, { ...this.tokens(), user: { id: "1", email: JSON.parse(text).email, roles: [] } });
    }
    if (url.pathname === "/api/auth/logout") {
      this.logouts.push(JSON.parse(text).refresh_token);
      this.ended = true;
      return new Response(null, { status: 204 });
    }
    const good = !this.ended && request.headers.get("authorization") === `Bearer a${this.generation}`;
    return good ? json(200, { path: url.pathname, text }) : json(401, { error: "invalid_token" });
  }

  refresh(form) {
    const sent = Number(form.get("refresh_token").slice(1));
    this.refreshes.push(sent);
    const known = sent === this.generation || sent === this.generation - 1;
    if (this.ended || !known) {
      this.ended = true;
      return json(400, { error: "invalid_grant" });
    }
    if (sent === this.generation) this.generation += 1;
    return json(200, this.tokens());
  }
}

export const json = (status, value, headers = {}) =>
  new Response(JSON.stringify(value), { status, headers: { "content-type": "application/json", ...headers } });

const define = (name, value) => Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });

/** A browser, put over the globals. `tab` opens another client with the same localStorage. */
export function browser({ locks = true } = {}) {
  const service = new Service();
  const opened = [];
  define("localStorage", new Storage());
  define("sessionStorage", new Storage());
  define("navigator", locks ? { locks: new Locks() } : {});
  define("location", {
    href: "https://app.example/", assign(url) { this.left = url; },
    get search() { return new URL(this.href).search; }, get pathname() { return new URL(this.href).pathname; },
  });
  for (const name of ["addEventListener", "removeEventListener"]) define(name, () => {});
  define("setTimeout", (work, ms) => later(work, ms > 100 ? ms / 20 : ms)); // nobody waits here
  define("history", { state: null, replaceState(_state, _title, url) { location.href = url; } });
  define("fetch", async (input, init) => {
    const request = new Request(input, init);
    await pause(1);
    return service.answer(request);
  });
  return {
    service,
    tab(options = {}) {
      const client = createClient({
        issuer: ISSUER, clientId: "shop", redirectUri: "https://app.example/", storage: "local", origins: [API], ...options,
      });
      opened.push(client);
      return client;
    },
    /** Milliseconds that the machine's clock jumps: a laptop that slept, or a clock that was set. */
    jump(ms) {
      const real = Date.now;
      Date.now = () => real() + ms;
      opened.push({ close() { Date.now = real; } });
    },
    close() { opened.reverse().forEach((one) => one.close()); },
  };
}

/** A tab duplicated: what it holds is copied, and from then on its own. */
export function duplicateSession() {
  const copy = new Storage();
  copy.kept = new Map(sessionStorage.kept);
  globalThis.sessionStorage = copy;
  return copy;
}

/** What is kept of logins; the mark that the next prompt is for a password is none. */
export const kept = (place = localStorage) => [...place.kept.keys()].filter((key) => key !== "authsvc_login");

export const expire = () => localStorage.setItem("access_token_times", "[0,0]");
