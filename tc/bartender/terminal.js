// The terminal on the bar: no keyboard, so it is allowed from a phone by a code. Then it works as a bartender's device.
import { issuer } from "./common/config.js";
import { askForCode, untilDecided } from "./common/device.js";
import { h, shortClock } from "./common/dom.js";
import { open } from "./common/page.js";
import { queue } from "./queue.js";

/** @typedef {import("./common/device.js").Codes} Codes */

const CLIENT_ID = "terminal";
const OVER = {
  denied: "The person at the other device said no, or may not use the bar.",
  expired: "The code has expired.",
  failed: "That did not work.",
};

/**
 * @param {import("./common/page.js").Page} page
 * @returns {import("./common/page.js").View}
 */
function connect(page) {
  const ending = new AbortController();
  const begin = /** @type {HTMLButtonElement} */ (h("button", { type: "button", class: "main", onclick: start }, "Connect this terminal"));
  const code = h("div", { hidden: true });

  async function start() {
    page.warn("");
    begin.disabled = true;
    const codes = await askForCode(issuer, CLIENT_ID, "openid profile");
    begin.disabled = false;
    if (!codes) {
      page.warn("The service cannot be reached just now. Try again in a moment.");
      return;
    }
    begin.hidden = true;
    show(codes);
    const verdict = await untilDecided(issuer, CLIENT_ID, codes, ending.signal);
    if (ending.signal.aborted) return;
    const over = "tokens" in verdict ? await takeOver(verdict.tokens) : "over" in verdict && verdict.over;
    if (!over) return;
    code.hidden = true;
    begin.hidden = false;
    begin.textContent = "Get a new code";
    begin.focus();
    page.warn(`${OVER[over]} Get a new code to try again.`);
  }

  /** @param {Codes} codes */
  function show(codes) {
    const until = shortClock(new Date(Date.now() + codes.expires_in * 1000));
    code.replaceChildren(h(
      "div", null,
      h("ol", { class: "steps" },
        h("li", null, "On your phone or computer, open ", h("strong", { class: "address" }, codes.verification_uri.replace(/^https?:\/\//, ""))),
        h("li", null, "Sign in as a bartender, and enter this code:", h("strong", { class: "code", id: "code" }, codes.user_code))),
      h("p", { class: "waiting", role: "status" }, `Waiting for you to allow it. The code is good until ${until}.`),
      codes.verification_uri_complete && h("p", { class: "hint" },
        h("a", { href: codes.verification_uri_complete, target: "_blank", rel: "noopener" }, "Or allow it in this browser")),
    ));
    code.hidden = false;
  }

  return {
    title: "Bar terminal",
    element: h(
      "div", { class: "narrow" }, h("h1", null, "This terminal is not connected"),
      h("p", { class: "sub" }, "A bartender connects it with a phone. No password is typed here."), begin, code,
    ),
    end: () => ending.abort(),
  };
}

/**
 * From here on the browser module keeps the login: it finds the tokens under the names that README.md lists.
 * @param {import("./common/device.js").Tokens} tokens
 * @returns {Promise<"failed" | null>}
 */
async function takeOver(tokens) {
  const user = await profile(tokens.access_token);
  if (!user) return "failed";
  localStorage.setItem("refresh_token", tokens.refresh_token);
  localStorage.setItem("access_token", tokens.access_token);
  localStorage.setItem("user", JSON.stringify(user));
  location.replace("/");
  return null;
}

/** Whose account it is; asked until it is known, for the code is spent. Null: refused. @param {string} token */
async function profile(token) {
  for (let wait = 1000; ; wait = Math.min(wait * 2, 30_000)) {
    const answer = await fetch(`${issuer}/api/profile/me`, { headers: { authorization: `Bearer ${token}` } }).catch(() => null);
    if (answer?.ok) return answer.json();
    if (answer && answer.status < 500) return null;
    await new Promise((resolve) => setTimeout(resolve, wait));
  }
}

open({
  name: "Bar terminal",
  clientId: CLIENT_ID,
  storage: "local", // it is switched off at night
  role: "bartender",
  welcome: "",
  words: "",
  view: queue,
  signIn: connect,
});
