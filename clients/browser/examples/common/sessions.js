// A person's devices: look at them, end one, end all others.
import { issuer } from "./config.js";
import { drawing, fill, h, moment, plural } from "./dom.js";
import { reach } from "./reach.js";

/** @typedef {import("./authsvc.js").Session} Session */

const PHONE = "M8 3h8a1 1 0 0 1 1 1v16a1 1 0 0 1-1 1H8a1 1 0 0 1-1-1V4a1 1 0 0 1 1-1Zm3 15h2";
const DESK = "M4 5h16v11H4Zm-2 14h20M10 16v3m4-3v3";
const MOBILE = /android|iphone|ipad|mobile/i;

/**
 * @param {import("./page.js").Page} page
 * @returns {import("./page.js").View}
 */
export function sessions(page) {
  const { auth } = page;
  const list = h("ul", { class: "cards", "aria-label": "Active sessions" });
  const others = /** @type {HTMLButtonElement} */ (
    h("button", { type: "button", class: "danger", hidden: true, onclick: () => dialog.showModal() }, "End all other sessions")
  );
  const dialog = /** @type {HTMLDialogElement} */ (
    h(
      "dialog", { "aria-labelledby": "sure" }, h("h2", { id: "sure" }, "End all other sessions?"),
      h("p", null, "Every other device is signed out at once. You stay signed in here."),
      h(
        "form", { method: "dialog", class: "pair" },
        h("button", { value: "no" }, "Keep them"),
        h("button", { value: "yes", class: "danger" }, "End them"),
      ),
    )
  );
  dialog.addEventListener("close", () => {
    if (dialog.returnValue === "yes") page.attempt(endOthers);
    dialog.returnValue = "";
  });

  /**
   * Ending other sessions needs a login of the last minutes: the person logs in again, and comes back here.
   * @template T
   * @param {Promise<T>} answer
   * @returns {Promise<T>}
   */
  async function confirmed(answer) {
    return reach(answer).catch((error) => {
      if (error.code !== "insufficient_user_authentication") throw error;
      return auth.login({ max_age: error.maxAge, loginHint: auth.user?.email });
    });
  }

  async function refresh() {
    const found = await reach(auth.sessions());
    found.sort((one, other) => Number(other.current) - Number(one.current));
    fill(list, found, (session) => session.id, card);
    others.hidden = found.length < 2;
  }

  async function endOthers() {
    const ended = await confirmed(auth.endOtherSessions());
    page.say(ended ? `${plural(ended, "session")} ended.` : "There was no other session.");
    await refresh();
  }

  /** @param {Session} session */
  async function end(session) {
    await confirmed(auth.endSession(session.id)).catch((error) => {
      if (error.status !== 404) throw error; // somebody was quicker
    });
    page.say(`Ended: ${named(session)}.`);
    await refresh();
  }

  /** @param {Session} session */
  function card(session) {
    const mobile = MOBILE.test(`${session.device_info} ${session.user_agent}`);
    return h(
      "li", { class: session.current ? "current" : null },
      h("span", { class: "glyph" }, drawing(mobile ? PHONE : DESK)),
      h(
        "div", { class: "what" },
        h("h2", null, named(session), session.current && h("span", { class: "badge" }, "This device")),
        h(
          "dl", null, fact("Network address", session.ip_address ?? "unknown"),
          fact("Signed in", moment(new Date(session.created_at))),
          fact("Last seen", moment(new Date(session.last_activity))),
          fact("Ends", moment(new Date(session.expires_at)), session.remember_me && ", remembered"),
        ),
      ),
      !session.current && h(
        "button", { type: "button", "aria-label": `End ${named(session)}`, onclick: () => page.attempt(() => end(session)) }, "End",
      ),
    );
  }

  return {
    title: "Active sessions",
    element: h(
      "div", null,
      h("div", { class: "top" }, h("div", null, h("h1", null, "Active sessions"),
        h("p", { class: "sub" }, "Where you are signed in. End what you do not know, and ",
          h("a", { href: `${issuer}/account` }, "change your password"), ".")), others),
      list, dialog,
    ),
    refresh,
    end: () => dialog.close(),
  };
}

/** @param {Session} session */
const named = (session) => session.device_info || "Unknown device";

/**
 * @param {string} term
 * @param {...import("./dom.js").Child} value
 */
const fact = (term, ...value) => h("div", null, h("dt", null, term), h("dd", null, ...value));
