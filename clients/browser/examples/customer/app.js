// A guest orders drinks, and sees what becomes of them.
import { AuthError } from "./common/authsvc.js";
import { api } from "./common/config.js";
import { fill, glass, h, moment, money } from "./common/dom.js";
import { open } from "./common/page.js";
import { reach } from "./common/reach.js";

/**
 * @typedef {{id: string, name: string, words: string, glass: string, price: number}} Drink
 * @typedef {{number: number, drink: string, glass: string, price: number, state: string, changed_at: number}} Order
 */

/** @type {Record<string, string>} */
const STATES = { ordered: "Ordered", mixing: "Being mixed", served: "Served", cancelled: "Cancelled" };

/**
 * @param {import("./common/page.js").Page} page
 * @returns {import("./common/page.js").View}
 */
function orders(page) {
  const menu = h("ul", { class: "menu", "aria-labelledby": "menu" });
  const mine = h("ul", { class: "orders", "aria-labelledby": "mine" });
  const none = h("p", { class: "hint" }, "Nothing yet: the bar is all yours.");

  async function refresh() {
    if (!menu.childElementCount) fill(menu, await drinks(), (drink) => drink.id, drinkCard);
    /** @type {{orders: Order[]}} */
    const found = await page.ask("/orders");
    none.hidden = found.orders.length > 0;
    fill(mine, found.orders.slice(0, 12), (order) => String(order.number), orderCard);
  }

  /** @param {Drink} drink */
  const drinkCard = (drink) => h(
    "li", null, h("span", { class: "glass" }, glass(drink.glass)),
    h("div", { class: "what" }, h("h3", null, drink.name), h("p", { class: "hint" }, drink.words)),
    h("span", { class: "price" }, money(drink.price)),
    h("button", {
      type: "button", "aria-label": `Order ${drink.name}, ${money(drink.price)}`,
      onclick: () => page.attempt(() => order(drink)),
    }, "Order"),
  );

  /** @param {Order} order */
  const orderCard = (order) => h(
    "li", { class: order.state },
    h("div", { class: "what" }, h("h3", null, order.drink), h("p", { class: "hint" }, moment(new Date(order.changed_at * 1000)))),
    h("span", { class: "badge" }, STATES[order.state] ?? order.state),
    order.state === "ordered" && h("button", {
      type: "button", class: "quiet", "aria-label": `Cancel ${order.drink}`,
      onclick: () => page.attempt(() => cancel(order)),
    }, "Cancel"),
  );

  /** @param {Drink} drink */
  async function order(drink) {
    await page.ask("/orders", "POST", { drink: drink.id, name: page.auth.user?.name ?? "" });
    page.say(`${drink.name} is ordered.`);
    await refresh();
  }

  /** @param {Order} order */
  async function cancel(order) {
    await page.ask(`/orders/${order.number}`, "DELETE");
    page.say(`${order.drink} is cancelled.`);
    await refresh();
  }

  return {
    title: "Order a drink",
    element: h(
      "div", null, h("h1", null, "What would you like?"),
      h(
        "div", { class: "columns" },
        h("section", null, h("h2", { id: "menu" }, "Tonight’s drinks"), menu),
        h("section", { class: "mine" }, h("h2", { id: "mine" }, "Your orders"), none, mine),
      ),
    ),
    refresh,
  };
}

/** The menu is for everybody. @returns {Promise<Drink[]>} */
async function drinks() {
  const answer = await reach(fetch(`${api}/menu`));
  if (!answer.ok) throw new AuthError("unexpected", "The menu cannot be read.", answer.status);
  return (await reach(answer.json())).drinks;
}

open({
  name: "Order",
  clientId: "customer",
  storage: "local", // a guest comes back tomorrow, and is still known
  rememberMe: true,
  guests: true,
  role: "customer",
  welcome: "Good evening",
  words: "Sign in, and order from where you sit.",
  view: orders,
});
