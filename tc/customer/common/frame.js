// The frame of a page: head, notices, the view, and the foot that tells of the login.
import { clock, drawing, h, plural } from "./dom.js";

/** @typedef {ReturnType<typeof makeFrame>} Frame */

const BIRD = "M3 13c4-1 6-4 8-7 1 3 4 4 8 4 1.500 0 2.500.5 2.500.5S20 12 18 13c-2 4-6 6-10 6 2-1 3-2 3.500-3.500C8 16 5 15 3 13Z";

const PASSING = 6000; // ms

/** @param {string} name */
export function makeFrame(name) {
  const nav = h("nav", { "aria-label": "Pages", hidden: true });
  const banner = h("p", { class: "banner", role: "status" });
  const notice = h("p", { class: "notice", role: "status" });
  const alert = h("p", { class: "alert", role: "alert" });
  const view = h("div", { class: "view" });
  const main = h("main", { tabindex: "-1" }, notice, alert, view);
  const who = h("span");
  const token = h("span", { class: "token" });
  const skip = h("a", {
    class: "skip", href: "#",
    onclick: (/** @type {Event} */ event) => { event.preventDefault(); main.focus(); },
  }, "Skip to content");
  const brand = h("p", { class: "brand" }, drawing(BIRD), h("span", null, "The Nightjar"), h("span", { class: "app" }, name));
  document.body.replaceChildren(skip, h("header", null, brand, nav), banner, main, h("footer", null, who, token));

  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;

  function hush() {
    clearTimeout(timer);
    notice.textContent = alert.textContent = "";
  }

  return {
    nav,
    /**
     * @param {string} words
     * @param {boolean} [passing] does the view show it, too?
     */
    say(words, passing) {
      hush();
      notice.textContent = words;
      notice.classList.toggle("passing", Boolean(passing));
      if (passing) timer = setTimeout(hush, PASSING);
    },
    /** @param {string} words */
    warn(words) {
      hush();
      alert.textContent = words;
    },
    hush,
    /** @param {string} words what is wrong with the connection, "" for nothing */
    connected(words) {
      if (banner.textContent !== words) banner.textContent = words;
    },
    /**
     * @param {import("./page.js").View} shown
     * @param {string | null} place which of the links leads here
     * @param {boolean} known is anybody signed in?
     */
    show(shown, place, known) {
      const first = !view.childElementCount;
      nav.hidden = !known;
      for (const link of nav.querySelectorAll("a")) {
        if (link.dataset.place === place) link.setAttribute("aria-current", "page");
        else link.removeAttribute("aria-current");
      }
      document.title = `${shown.title} – The Nightjar`;
      view.replaceChildren(shown.element);
      if (first) return;
      const heading = view.querySelector("h1");
      heading?.setAttribute("tabindex", "-1"); // a screen reader reads on from here
      heading?.focus({ preventScroll: true });
      scrollTo(0, 0);
    },
    /**
     * @param {import("./authsvc.js").User | null} user
     * @param {{last: string | null, renewed: number, at: Date}} tokens
     */
    tell(user, tokens) {
      who.textContent = user ? `Signed in as ${user.name || user.email || user.id}` : "";
      token.textContent = user && tokens.last ? renewals(tokens.last, tokens.renewed, tokens.at) : "";
    },
  };
}

/**
 * @param {string} token
 * @param {number} renewed
 * @param {Date} at
 */
function renewals(token, renewed, at) {
  const left = Math.max(0, Math.round(expiry(token) - Date.now() / 1000));
  const life = left > 120 ? plural(Math.round(left / 60), "minute") : `${left} s`;
  const count = renewed ? `renewed ${plural(renewed, "time")}, last at ${clock(at)}` : "not renewed yet";
  return `Access token: ${count}; this one lives ${life} more`;
}

/** Seconds since 1970; read for the eye, believed by nobody. @param {string} token */
function expiry(token) {
  const payload = (token.split(".")[1] ?? "").replace(/-/g, "+").replace(/_/g, "/");
  return Number(JSON.parse(atob(payload)).exp);
}
