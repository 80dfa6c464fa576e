// What is the same in every frontend: signing in, the sessions, the connection, and a frame around the frontend's view.
import { AuthError, createClient } from "./authsvc.js";
import { withStepUp } from "./authsvc-step-up.js";
import { api, issuer } from "./config.js";
import { age, h } from "./dom.js";
import { makeFrame } from "./frame.js";
import { reach } from "./reach.js";
import { sessions } from "./sessions.js";
import { signIn, turnedAway } from "./sign_in.js";
import { LOGGED_OUT, NO_FACTOR, UNREACHABLE, explain } from "./words.js";

/**
 * @typedef {object} Frontend
 * @property {string} name what the frontend is called
 * @property {string} clientId
 * @property {"session" | "local"} storage
 * @property {boolean} [dpop]
 * @property {boolean} [rememberMe] does the client's policy allow it?
 * @property {boolean} [guests] may anybody come: with a passkey, with a forgotten password, without an account yet?
 * @property {(response: Response) => string} [afterStepUp] what to say of a call that was sent again after a better login
 * @property {string} role whose accounts have access
 * @property {string} welcome
 * @property {string} words below the welcome
 * @property {(page: Page) => View} view
 * @property {(page: Page) => View} [signIn] instead of the login form
 *
 * @typedef {object} View
 * @property {string} title
 * @property {HTMLElement} element
 * @property {() => Promise<void>} [refresh] again and again while it is shown
 * @property {() => void} [end] when it is shown no more
 *
 * @typedef {object} Page
 * @property {Frontend} frontend
 * @property {ReturnType<typeof withStepUp>} auth
 * @property {(path: string, method?: string, body?: object) => Promise<any>} ask a protected call to the API
 * @property {(work: () => Promise<void>) => Promise<boolean>} attempt what goes wrong in it is told; was it done?
 * @property {(words: string) => void} say for a while
 * @property {(words: string) => void} warn
 * @property {(view?: View) => void} show another view than usual, or the usual one
 */

const EVERY = 2500; // ms between two looks at the API

/** @param {Frontend} frontend */
export async function open(frontend) {
  const frame = makeFrame(frontend.name);
  const auth = withStepUp(createClient({
    issuer, clientId: frontend.clientId, redirectUri: new URL("/callback", location.href).href,
    storage: frontend.storage, dpop: frontend.dpop, origins: [api],
    onLoggedOut: (reason) => frame.say(LOGGED_OUT[reason]),
  }));
  /** @type {View | undefined} */
  let shown;
  let wake = () => {};
  const tokens = { last: /** @type {string | null} */ (null), renewed: 0, at: new Date(0) };

  /** @type {Page} */
  const page = { frontend, auth, ask, attempt, say: (words) => frame.say(words, true), warn: frame.warn, show };

  /** @type {Page["ask"]} */
  async function ask(path, method = "GET", body) {
    const headers = body ? { "content-type": "application/json" } : undefined;
    const answer = await reach(auth.fetch(api + path, { method, headers, body: body && JSON.stringify(body) }));
    if (answer.ok) return reach(answer.json());
    const said = await answer.json().catch(() => ({}));
    throw new AuthError(said.error ?? "unexpected", said.error_description, answer.status);
  }

  async function countRenewals() {
    const token = await auth.getAccessToken().catch(() => null);
    if (token && tokens.last && token !== tokens.last) Object.assign(tokens, { renewed: tokens.renewed + 1, at: new Date() });
    tokens.last = token;
    frame.tell(auth.user, tokens);
  }

  /** @type {Page["attempt"]} */
  async function attempt(work) {
    try {
      await work();
      frame.connected("");
      await countRenewals();
      return true;
    } catch (error) {
      const { temporary = false, status = 0 } = error instanceof AuthError ? error : {};
      if (!(error instanceof AuthError)) console.error(error);
      if (temporary && status !== 429) frame.connected(UNREACHABLE);
      else if (!auth.user) frame.connected(""); // the log-out was told already
      else if (status === 403) show(turnedAway(page));
      else frame.warn(explain(error, frontend));
      return false;
    }
  }

  /** @param {View} [wanted] */
  function show(wanted) {
    const { user } = auth;
    const place = location.hash === "#/sessions" ? "sessions" : "view";
    shown?.end?.();
    const view = wanted ?? (!user ? (frontend.signIn ?? signIn)(page) : place === "sessions" ? sessions(page) : frontend.view(page));
    shown = view;
    frame.show(view, user && !wanted ? place : null, Boolean(user));
    frame.tell(user, tokens);
    wake();
    if (view.refresh) follow(view, view.refresh);
  }

  /**
   * @param {View} view
   * @param {() => Promise<void>} refresh
   */
  async function follow(view, refresh) {
    while (view === shown) {
      if (!document.hidden) await attempt(refresh);
      age(view.element);
      await new Promise((resolve) => {
        const timer = setTimeout(resolve, EVERY);
        wake = () => { clearTimeout(timer); resolve(undefined); };
      });
    }
  }

  frame.nav.append(
    h("a", { href: "#/", "data-place": "view" }, frontend.name),
    h("a", { href: "#/sessions", "data-place": "sessions" }, "Active sessions"),
    h("button", { type: "button", class: "quiet", onclick: () => leave(auth, frame) }, "Sign out"),
  );
  addEventListener("hashchange", () => {
    frame.hush();
    show();
  });
  addEventListener("offline", () => frame.connected(UNREACHABLE));
  addEventListener("online", () => {
    frame.connected("");
    wake();
  });
  document.addEventListener("visibilitychange", () => wake());
  setInterval(() => frame.tell(auth.user, tokens), 1000);
  auth.onChange((user) => {
    if (user) frame.hush();
    Object.assign(tokens, { last: null, renewed: 0 });
    show();
  });

  const { problem, words } = await comeBack(auth, frontend);
  show();
  if (problem) frame.warn(problem);
  if (words) frame.say(words, true);
}

/**
 * The answer of the hosted login, where this load is one; what is wrong with it, and what became of a call that waited.
 * @param {Page["auth"]} auth
 * @param {Frontend} frontend
 */
async function comeBack(auth, frontend) {
  try {
    const back = await auth.handleRedirect();
    if (back) history.replaceState(null, "", back.returnTo);
    const again = back?.response;
    if (again?.ok) return { words: frontend.afterStepUp?.(again) };
    if (again) return { problem: again.status === 401 ? NO_FACTOR : "That did not work. Try again." };
  } catch (error) {
    history.replaceState(null, "", "/");
    return { problem: explain(error, frontend) };
  }
  return {};
}

/**
 * @param {Page["auth"]} auth
 * @param {import("./frame.js").Frame} frame
 */
async function leave(auth, frame) {
  frame.hush();
  const told = await auth.logout();
  frame.connected("");
  if (told) frame.say("You are signed out.");
  else frame.warn("You are signed out here, but the service could not be told. Sign in again once it is back, and end the old session under Active sessions.");
}
