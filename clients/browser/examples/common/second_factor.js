// One more step of a sign-in here: a code, or a passkey.
import { AuthError } from "./authsvc.js";
import { hasPasskeys, withPasskey } from "./authsvc-first-party.js";
import { h } from "./dom.js";

/** @typedef {{way: string, code?: string, credential?: string}} Answer */

/** @type {Record<string, string>} */
const CODES = { otp: "Code from your authenticator app", recovery_code: "Recovery code" };
/** @type {Record<string, string>} */
const PASSKEYS = { passkey: "Use a passkey", device_bound_passkey: "Use the passkey of this device" };

/**
 * Asks for one of the ways. Rejects where the person thinks better of it.
 * @param {string[]} ways
 * @param {Record<string, any>} said
 * @returns {Promise<Answer>}
 */
export function askSecondFactor(ways, said) {
  return new Promise((resolve, reject) => {
    const codes = ways.filter((way) => way in CODES);
    const keys = hasPasskeys() ? ways.filter((way) => way in PASSKEYS).slice(0, 1) : [];
    const code = /** @type {HTMLInputElement} */ (h("input", { id: "second", autocomplete: "one-time-code", autocapitalize: "none", required: true }));
    const way = /** @type {HTMLSelectElement} */ (h("select", { id: "way", hidden: codes.length < 2, "aria-label": "What you have" }, ...codes.map((one) => h("option", { value: one }, CODES[one]))));
    const label = h("label", { for: "second" }, CODES[codes[0] ?? ""]);
    way.addEventListener("change", () => { label.textContent = CODES[way.value] ?? ""; });

    /** @param {Event} event */
    function send(event) {
      event.preventDefault();
      done(() => resolve({ way: way.value, code: code.value }));
    }

    /** @param {string} name */
    function byPasskey(name) {
      done(() => withPasskey(name, said).then(resolve, reject));
    }

    /** @param {() => void} next */
    function done(next) {
      finished = true;
      dialog.close();
      next();
    }

    let finished = false;
    const dialog = /** @type {HTMLDialogElement} */ (h(
      "dialog", { "aria-labelledby": "one-more" }, h("h2", { id: "one-more" }, "One more step"),
      h("p", null, "Your account has a second factor."),
      ...keys.map((name) => h("button", { type: "button", class: "main", onclick: () => byPasskey(name) }, PASSKEYS[name])),
      codes.length > 0 && h("form", { onsubmit: send, novalidate: true }, way, h("div", { class: "field" }, label, code), h("button", null, "Go on")),
      h("button", { type: "button", class: "quiet", onclick: () => dialog.close() }, "Cancel"),
    ));
    dialog.addEventListener("close", () => {
      dialog.remove();
      if (!finished) reject(new AuthError("cancelled", "You are not signed in: the second step is missing."));
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}
