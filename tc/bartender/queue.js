// What the bar has to do. For the bartender's own device and for the terminal on the bar.
import { fill, glass, h, moment } from "./common/dom.js";

/** @typedef {{number: number, drink: string, glass: string, name: string, state: string, ordered_at: number}} Order */

/**
 * @param {import("./common/page.js").Page} page
 * @returns {import("./common/page.js").View}
 */
export function queue(page) {
  const waiting = h("ul", { class: "tickets", "aria-labelledby": "waiting" });
  const mixing = h("ul", { class: "tickets", "aria-labelledby": "mixing" });
  const none = h("p", { class: "hint calm", hidden: true }, "Nobody waits. Polish a glass.");
  const idle = h("p", { class: "hint calm", hidden: true }, "Nothing is being mixed.");

  async function refresh() {
    /** @type {{orders: Order[]}} */
    const { orders } = await page.ask("/queue");
    const [open, begun] = ["ordered", "mixing"].map((state) => orders.filter((order) => order.state === state));
    fill(waiting, open ?? [], key, ticket);
    fill(mixing, begun ?? [], key, ticket);
    none.hidden = Boolean(open?.length);
    idle.hidden = Boolean(begun?.length);
  }

  /** @param {Order} order */
  const key = (order) => String(order.number);

  /** @param {Order} order */
  function ticket(order) {
    const [act, word, done] = order.state === "ordered" ? ["mix", "Start", "is begun"] : ["serve", "Serve", "is served"];
    return h(
      "li", null, h("span", { class: "glass" }, glass(order.glass)),
      h(
        "div", { class: "what" }, h("h3", null, order.drink),
        h("p", { class: "hint" }, `Order ${order.number}`, order.name && ` for ${order.name}`, ", ", moment(new Date(order.ordered_at * 1000))),
      ),
      h("button", {
        type: "button", class: act === "serve" ? "main" : null, "aria-label": `${word} order ${order.number}, ${order.drink}`,
        onclick: () => page.attempt(async () => {
          await page.ask(`/queue/${order.number}/${act}`, "POST");
          page.say(`Order ${order.number}, ${order.drink}, ${done}.`);
          await refresh();
        }),
      }, word),
    );
  }

  return {
    title: "The bar",
    element: h(
      "div", null, h("h1", null, "At the bar"),
      h(
        "div", { class: "columns" },
        h("section", null, h("h2", { id: "waiting" }, "Waiting"), none, waiting),
        h("section", null, h("h2", { id: "mixing" }, "Being mixed"), idle, mixing),
      ),
    ),
    refresh,
  };
}
