// Ways in: the hosted login, and a first-party client's form and passkey. And the way out for an account without the role.
import { hasPasskeys, loginWithPasskey } from "./authsvc-first-party.js";
import { hint } from "./config.js";
import { h } from "./dom.js";
import { forgot } from "./forgot.js";
import { askSecondFactor } from "./second_factor.js";
import { explain } from "./words.js";

/**
 * @param {import("./page.js").Page} page
 * @param {string} [typed] the address, as far as it is known
 * @returns {import("./page.js").View}
 */
export function signIn(page, typed = "") {
  const { frontend, auth } = page;
  const email = input("email", "email", "username");
  email.value = typed;
  const password = input("password", "password", "current-password");
  const remember = /** @type {HTMLInputElement} */ (h("input", { id: "remember", type: "checkbox" }));
  const send = /** @type {HTMLButtonElement} */ (h("button", null, "Sign in"));

  async function submit(/** @type {Event} */ event) {
    event.preventDefault();
    page.warn("");
    const empty = [email, password].find((field) => !field.value);
    if (empty) {
      page.warn("Fill in e-mail address and password.");
      empty.focus();
      return;
    }
    send.disabled = true;
    try {
      await auth.loginWithPassword(email.value, password.value, { rememberMe: remember.checked, secondFactor: askSecondFactor });
    } catch (error) {
      page.warn(explain(error, { role: frontend.role, email: email.value }));
      send.disabled = false;
      password.focus();
      password.select();
    }
  }

  async function byPasskey() {
    page.warn("");
    try {
      await loginWithPasskey(auth, { rememberMe: remember.checked });
    } catch (error) {
      page.warn(explain(error, { role: frontend.role, passkey: true }));
    }
  }

  const form = h(
    "form", { class: "card", method: "post", novalidate: true, "aria-label": "Sign in here", onsubmit: submit },
    field("E-mail address", email), field("Password", password),
    frontend.rememberMe && h("div", { class: "check" }, remember, h("label", { for: "remember" }, "Remember me for 30 days")),
    send,
    hint && h("p", { class: "hint" }, hint),
  );
  const hosted = h("button", { type: "button", class: "main", onclick: () => auth.login({ returnTo: home() }) }, "Continue to the login page");
  return {
    title: "Sign in",
    element: h(
      "div", { class: "narrow" }, h("h1", null, frontend.welcome), h("p", { class: "sub" }, frontend.words),
      hosted, h("p", { class: "or" }, "or sign in here"), form,
      frontend.guests && h(
        "div", { class: "ways" },
        hasPasskeys() && h("button", { type: "button", onclick: byPasskey }, "Sign in with a passkey"),
        h("button", { type: "button", class: "quiet", onclick: () => page.show(forgot(page, email.value)) }, "Forgot your password?"),
        // Our pages register people: who asks for a mail there is brought back here in the end.
        h("button", { type: "button", class: "quiet", onclick: () => auth.login({ returnTo: home(), prompt: "login" }) }, "Create an account"),
      ),
    ),
  };
}

/**
 * Somebody is signed in, and may not be here.
 * @param {import("./page.js").Page} page
 * @returns {import("./page.js").View}
 */
export function turnedAway(page) {
  const { frontend, auth } = page;
  const account = auth.user?.email ?? auth.user?.name ?? "This account";
  async function other() {
    await auth.logout();
    await auth.login({ returnTo: home(), prompt: "login" });
  }
  return {
    title: "No access",
    element: h(
      "div", { class: "narrow" }, h("h1", null, "No access with this account"),
      h("p", { class: "sub" }, `${account} is signed in, but does not have the role “${frontend.role}”, which is needed here.`),
      h("p", { class: "sub" }, "Use another account, or ask whoever runs the bar for the role."),
      h("button", { type: "button", class: "main", onclick: other }, "Use another account"),
    ),
  };
}

const home = () => new URL("/", location.href).href;

/**
 * @param {string} name
 * @param {string} type
 * @param {string} autocomplete
 */
export const input = (name, type, autocomplete) =>
  /** @type {HTMLInputElement} */ (h("input", { id: name, name, type, autocomplete, required: true }));

/**
 * @param {string} words
 * @param {HTMLElement} control
 */
export const field = (words, control) => h("div", { class: "field" }, h("label", { for: control.id }, words), control);
