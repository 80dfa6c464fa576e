// The evening in figures, and what happened.
import { fill, h, money, shortClock } from "./common/dom.js";
import { open } from "./common/page.js";

/**
 * @typedef {{figures: Record<string, number>, sold: {name: string, number: number}[],
 *   log: {at: number, who: string, what: string}[]}} Evening
 */

const TILES = [["served", "Served"], ["waiting", "Waiting"], ["mixing", "Being mixed"], ["cancelled", "Cancelled"]];
const SHOWN = 40;
const CLOSED = "The till is cashed up.";

/**
 * @param {import("./common/page.js").Page} page
 * @returns {import("./common/page.js").View}
 */
function evening(page) {
  const tiles = h("dl", { class: "tiles" });
  const sold = h("ul", { class: "bars", "aria-labelledby": "sold" });
  const rows = h("tbody");
  const none = h("p", { class: "hint", hidden: true }, "Nothing was served yet.");

  async function refresh() {
    /** @type {Evening} */
    const found = await page.ask("/evening");
    const most = Math.max(1, ...found.sold.map((drink) => drink.number));
    const figures = TILES.map(([name = "", words = ""]) => ({ words, value: String(found.figures[name] ?? 0) }));
    fill(tiles, [{ words: "Takings", value: money(found.figures.takings ?? 0) }, ...figures], (tile) => tile.words, (tile) =>
      h("div", null, h("dt", null, tile.words), h("dd", null, tile.value)));
    none.hidden = found.sold.length > 0;
    fill(sold, found.sold.map((drink) => ({ ...drink, share: drink.number / most })), (drink) => drink.name, bar);
    fill(rows, found.log.slice(0, SHOWN), (entry) => `${entry.at} ${entry.who} ${entry.what}`, row);
  }

  /** The API wants a second factor for this: without one the page leaves for it, and the call is sent again afterwards. */
  async function close() {
    await page.ask("/evening/close", "POST", {});
    page.say(CLOSED);
    await refresh();
  }

  return {
    title: "The evening",
    element: h(
      "div", null, h("h1", null, "This evening"), tiles,
      h("p", { class: "ways" }, h("button", { type: "button", onclick: () => page.attempt(close) }, "Cash up")),
      h(
        "div", { class: "columns" },
        h("section", null, h("h2", { id: "sold" }, "Served"), none, sold),
        h(
          "section", null, h("h2", { id: "log" }, "What happened"),
          h("div", { class: "scroll", role: "region", tabindex: "0", "aria-labelledby": "log" },
            h("table", null,
              h("thead", null, h("tr", null, ...["Time", "What", "Who"].map((word) => h("th", { scope: "col" }, word)))),
              rows)),
        ),
      ),
    ),
    refresh,
  };
}

/** @param {{name: string, number: number, share: number}} drink */
function bar({ name, number, share }) {
  const length = h("span", { class: "length" });
  length.style.width = `${Math.round(share * 100)}%`;
  return h("li", null, h("span", null, name), h("strong", null, number), h("span", { class: "bar", "aria-hidden": "true" }, length));
}

/** @param {Evening["log"][number]} entry */
const row = ({ at, who, what }) => h(
  "tr", null, h("td", null, shortClock(new Date(at * 1000))), h("td", null, what), h("td", { class: "who" }, who),
);

open({
  name: "Evening",
  clientId: "admin",
  storage: "session", // ends with the tab
  dpop: true, // and is of no use elsewhere
  role: "admin",
  afterStepUp: () => CLOSED,
  welcome: "The books",
  words: "For whoever runs the bar. This sign-in ends with the tab.",
  view: evening,
});
