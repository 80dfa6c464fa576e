"""The orders of an evening, in memory. Rules over values: times (seconds since 1970) are given, nothing is awaited."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

State = Literal["ordered", "mixing", "served", "cancelled"]
MOVES: frozenset[tuple[State, State]] = frozenset(
    {("ordered", "mixing"), ("mixing", "served"), ("ordered", "cancelled")}
)
OPEN: frozenset[State] = frozenset({"ordered", "mixing"})
MOST_OPEN = 100
MOST_OPEN_EACH = 8
KEPT = 300
"""Orders that are over, and entries of the log: the oldest go."""


class Refused(Exception):
    """`code`: not_on_the_menu, no_such_order, too_many or moved_on. The text is for the person."""

    def __init__(self, code: str, words: str) -> None:
        super().__init__(words)
        self.code = code


@dataclass(frozen=True, slots=True)
class Drink:
    """`price` in cents; `glass`: how it is drawn."""

    id: str
    name: str
    words: str
    glass: Literal["coupe", "tumbler", "highball", "wine", "pint"]
    price: int


MENU = {
    drink.id: drink
    for drink in (
        Drink("nightjar", "Nightjar Sour", "Gin, lemon, honey, egg white", "coupe", 1150),
        Drink("negroni", "Negroni", "Gin, red vermouth, bitter", "tumbler", 1050),
        Drink("old-fashioned", "Old Fashioned", "Rye, sugar, two dashes of bitters", "tumbler", 1100),
        Drink("paloma", "Paloma", "Tequila, grapefruit, lime, salt", "highball", 950),
        Drink("hibiscus", "Hibiscus Fizz", "Hibiscus, lime, soda: no alcohol", "highball", 600),
        Drink("ginger", "Ginger & Pear", "Pressed ginger, pear, mint: no alcohol", "coupe", 650),
        Drink("pale-ale", "Pale Ale", "From the brewery next door", "pint", 550),
        Drink("house-red", "House Red", "A glass of what is open", "wine", 600),
    )
}


@dataclass(frozen=True, slots=True)
class Order:
    """`by`: the subject who ordered; `name`: what to call out; times in seconds since 1970."""

    number: int
    drink: Drink
    by: str
    name: str
    state: State
    ordered_at: float
    changed_at: float


@dataclass(frozen=True, slots=True)
class Entry:
    """What happened, and who did it, in the words of their token."""

    at: float
    who: str
    what: str


class Bar:
    """All orders. Belongs to one event loop; each method is done before another begins."""

    def __init__(self) -> None:
        self._orders: dict[int, Order] = {}
        self._number = 0
        self._totals: Counter[State] = Counter()
        self._sold: Counter[str] = Counter()
        self.log: deque[Entry] = deque(maxlen=KEPT)

    def order(self, drink_id: str, by: str, name: str, who: str, now: float) -> Order:
        """Raises Refused."""
        drink = MENU.get(drink_id)
        if drink is None:
            raise Refused("not_on_the_menu", "That drink is not on the menu.")
        waiting = [order for order in self._orders.values() if order.state in OPEN]
        if len(waiting) >= MOST_OPEN:
            raise Refused("too_many", "The bar has its hands full. Try again in a few minutes.")
        if sum(order.by == by for order in waiting) >= MOST_OPEN_EACH:
            raise Refused("too_many", f"You have {MOST_OPEN_EACH} drinks on their way. Wait for one of them first.")
        self._number += 1
        return self._keep(Order(self._number, drink, by, name, "ordered", now, now), who, now)

    def of(self, by: str) -> list[Order]:
        """A person's orders, the newest first."""
        return [order for order in reversed(self._orders.values()) if order.by == by]

    def queue(self) -> list[Order]:
        """What the bar has to do, the oldest first."""
        return [order for order in self._orders.values() if order.state in OPEN]

    def cancel(self, number: int, by: str, who: str, now: float) -> Order:
        """Another person's order looks like none at all. Raises Refused."""
        order = self._orders.get(number)
        if order is None or order.by != by:
            raise Refused("no_such_order", "There is no such order.")
        return self.move(number, "cancelled", who, now)

    def move(self, number: int, to: State, who: str, now: float) -> Order:
        """The next state; the one it has already is no mistake: two bartenders may press at once. Raises Refused."""
        order = self._orders.get(number)
        if order is None:
            raise Refused("no_such_order", "There is no such order.")
        if order.state == to:
            return order
        if (order.state, to) not in MOVES:
            raise Refused("moved_on", f"Order {number} is {order.state} by now.")
        return self._keep(replace(order, state=to, changed_at=now), who, now)

    def figures(self) -> dict[str, int]:
        """Of the evening; takings in cents."""
        takings = sum(MENU[drink].price * sold for drink, sold in self._sold.items())
        waiting = Counter(order.state for order in self._orders.values())
        return {
            "ordered": self._totals["ordered"],
            "waiting": waiting["ordered"],
            "mixing": waiting["mixing"],
            "served": self._totals["served"],
            "cancelled": self._totals["cancelled"],
            "takings": takings,
        }

    def sold(self) -> list[tuple[Drink, int]]:
        """How many of each drink were served, the most first."""
        return [(MENU[drink], number) for drink, number in self._sold.most_common()]

    def close(self, who: str, now: float) -> None:
        """Cash up."""
        self.log.append(Entry(now, who, f"cashed up: {self.figures()['takings'] / 100:.2f}"))

    def _keep(self, order: Order, who: str, now: float) -> Order:
        self._orders[order.number] = order
        self._totals[order.state] += 1
        if order.state == "served":
            self._sold[order.drink.id] += 1
        self.log.append(Entry(now, who, f"{order.drink.name}, order {order.number}: {order.state}"))
        for number in self._over()[:-KEPT]:
            del self._orders[number]
        return order

    def _over(self) -> list[int]:
        return [order.number for order in self._orders.values() if order.state not in OPEN]


def earlier(bar: Bar, now: float) -> None:
    """What was served before anybody looked, so that no page is empty."""
    for number, (drink, guest, minutes) in enumerate(_evening()):
        who, at = f"customer {guest}", now - 60 * minutes
        order = bar.order(drink, f"earlier-{guest}", "", who, at)
        if number == 4:
            bar.move(order.number, "cancelled", who, at + 40)
            continue
        bar.move(order.number, "mixing", "bartender 0b9f41d2", at + 70)
        bar.move(order.number, "served", "bartender 0b9f41d2", at + 200)


def _evening() -> Iterator[tuple[str, str, int]]:
    yield from (
        ("negroni", "5d1e07aa", 96),
        ("pale-ale", "c30b92f7", 88),
        ("nightjar", "5d1e07aa", 71),
        ("nightjar", "91fe5a08", 64),
        ("house-red", "c30b92f7", 52),
        ("hibiscus", "e7724cd1", 47),
        ("negroni", "91fe5a08", 33),
        ("nightjar", "e7724cd1", 18),
        ("paloma", "5d1e07aa", 11),
    )
