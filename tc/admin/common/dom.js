// The document, made without innerHTML: the pages' policy (trusted types) lets no text become markup.

/** @typedef {Node | string | number | null | undefined | false} Child */

/**
 * An element. Properties that begin with "on" are listeners; null, undefined and false are left away.
 * @param {string} tag
 * @param {Record<string, any> | null} [properties]
 * @param {...Child} children
 * @returns {HTMLElement}
 */
export function h(tag, properties, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties ?? {})) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined && value !== false) made.setAttribute(name, value === true ? "" : value);
  }
  for (const child of children) {
    if (child !== null && child !== undefined && child !== false) made.append(child instanceof Node ? child : String(child));
  }
  return made;
}

const SVG = "http://www.w3.org/2000/svg";

/**
 * A drawing of lines on a field of 24 by 24, for the eye only.
 * @param {string} path
 * @returns {SVGElement}
 */
export function drawing(path) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  const line = document.createElementNS(SVG, "path");
  line.setAttribute("d", path);
  svg.append(line);
  return svg;
}

/** @type {Record<string, string>} */
const GLASSES = {
  coupe: "M4 6h16c0 4.5-3.5 7-8 7s-8-2.5-8-7Zm8 7v7m-4 0h8M7 9h10",
  tumbler: "M5 6h14l-1.5 13h-11ZM6 12h12m-8 3h4",
  highball: "M7 3h10l-1 18H8ZM7.5 9h9M14 3l2-2",
  wine: "M7 3h10c.8 5-1 10-5 10S6.200 8 7 3Zm5 10v7m-4 0h8M7 8h10",
  pint: "M7 4h10l-1 17H8ZM7.200 8h9.600M9 4c0-2 6-2 6 0",
};

/** @param {string} kind */
export const glass = (kind) => drawing(GLASSES[kind] ?? GLASSES.tumbler ?? "");

/**
 * The items of a list, each under its key: what is unchanged stays, with the focus in it.
 * @template T
 * @param {HTMLElement} list
 * @param {T[]} items
 * @param {(item: T) => string} key
 * @param {(item: T) => HTMLElement} build
 */
export function fill(list, items, key, build) {
  const old = new Map([...list.children].map((child) => [child.getAttribute("data-key"), child]));
  const focused = document.activeElement;
  const kept = items.map((item) => {
    const [name, value] = [key(item), JSON.stringify(item)];
    const known = old.get(name);
    if (known?.getAttribute("data-value") === value) return known;
    const made = build(item);
    made.setAttribute("data-key", name);
    made.setAttribute("data-value", value);
    return made;
  });
  if (kept.length === list.children.length && kept.every((child, place) => child === list.children[place])) return;
  const lost = focused instanceof HTMLElement && list.contains(focused) ? focused.closest("[data-key]") : null;
  list.replaceChildren(...kept);
  if (!lost) return;
  const name = lost.getAttribute("data-key");
  const again = kept.find((child) => child.getAttribute("data-key") === name)?.querySelector("button") ?? list;
  if (again === list) list.tabIndex = -1;
  /** @type {HTMLElement} */ (again).focus();
}

const RELATIVE = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
/** @type {[Intl.RelativeTimeFormatUnit, number][]} */
const UNITS = [["day", 86_400], ["hour", 3600], ["minute", 60]];
const CLOCK = new Intl.DateTimeFormat("en-GB", { timeStyle: "medium" });
const SHORT = new Intl.DateTimeFormat("en-GB", { timeStyle: "short" });
const FULL = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "short" });

/**
 * "3 minutes ago", "in 30 days", "just now".
 * @param {Date} at
 * @param {number} now milliseconds since 1970
 */
export function relative(at, now = Date.now()) {
  const seconds = (at.getTime() - now) / 1000;
  for (const [unit, length] of UNITS) {
    if (Math.abs(seconds) >= length) return RELATIVE.format(Math.round(seconds / length), unit);
  }
  return "just now";
}

/** "20:14:03". @param {Date} at */
export const clock = (at) => CLOCK.format(at);

/** "20:14". @param {Date} at */
export const shortClock = (at) => SHORT.format(at);

/**
 * A moment, kept true by `age`.
 * @param {Date} at
 */
export const moment = (at) => h("time", { datetime: at.toISOString(), title: FULL.format(at) }, relative(at));

/** Every moment below an element, said anew. @param {HTMLElement} parent */
export function age(parent) {
  for (const time of parent.querySelectorAll("time")) {
    const now = relative(new Date(time.dateTime));
    if (time.textContent !== now) time.textContent = now;
  }
}

/** @param {number} cents */
export const money = (cents) => (cents / 100).toLocaleString("en-IE", { style: "currency", currency: "EUR" });

/**
 * "1 drink", "3 drinks".
 * @param {number} number
 * @param {string} noun
 */
export const plural = (number, noun) => `${number} ${noun}${number === 1 ? "" : "s"}`;
