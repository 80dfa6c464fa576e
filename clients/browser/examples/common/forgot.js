// Somebody forgot their password: a mail, its code, another password.
import { requestReset } from "./authsvc-first-party.js";
import { h } from "./dom.js";
import { askSecondFactor } from "./second_factor.js";
import { field, input, signIn } from "./sign_in.js";
import { explain } from "./words.js";

/**
 * @param {import("./page.js").Page} page
 * @param {string} typed the address, as far as it is known
 * @returns {import("./page.js").View}
 */
export function forgot(page, typed) {
  const email = input("email", "email", "username");
  email.value = typed;
  const code = input("code", "text", "one-time-code");
  const password = input("new", "password", "new-password");
  const send = h("button", null, "Send mail");
  const change = h("button", null, "Change password");
  /** @type {import("./authsvc-first-party.js").PendingReset | undefined} */
  let pending;

  /** @param {HTMLElement} button @param {() => Promise<void>} work */
  async function attempt(button, work) {
    page.warn("");
    button.setAttribute("disabled", "");
    try {
      await work();
    } catch (error) {
      page.warn(explain(error, { role: page.frontend.role }));
    }
    button.removeAttribute("disabled");
  }

  async function ask() {
    pending = await requestReset(page.auth, email.value);
    first.hidden = true;
    second.hidden = false;
    code.focus();
  }

  async function choose() {
    await pending?.reset(code.value, password.value, { secondFactor: askSecondFactor });
    page.show(signIn(page, email.value));
    page.say("Your password is changed, and everything that was signed in is signed out. Sign in with the new one.");
  }

  const first = h(
    "form", { class: "card", novalidate: true, "aria-label": "Ask for a mail", onsubmit: (/** @type {Event} */ event) => { event.preventDefault(); attempt(send, ask); } },
    field("E-mail address", email), send,
  );
  const second = h(
    "form", { class: "card", novalidate: true, hidden: true, "aria-label": "Another password", onsubmit: (/** @type {Event} */ event) => { event.preventDefault(); attempt(change, choose); } },
    h("p", { class: "hint" }, "If there is an account with this address, a mail with a code is on its way. It is good for 15 minutes."),
    field("Code from the mail", code), field("New password", password), change,
  );
  return {
    title: "New password",
    element: h(
      "div", { class: "narrow" }, h("h1", null, "Choose a new password"),
      h("p", { class: "sub" }, "We send a code to your address."), first, second,
      h("button", { type: "button", class: "quiet", onclick: () => page.show(signIn(page, email.value)) }, "Back to sign in"),
    ),
  };
}
