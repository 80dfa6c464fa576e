"""The rules of the bar's orders."""

from __future__ import annotations

import itertools
from typing import get_args

import pytest

from bar.orders import KEPT, MENU, MOST_OPEN, MOST_OPEN_EACH, MOVES, OPEN, Bar, Refused, State, earlier

STATES: tuple[State, ...] = get_args(State)
PATHS: dict[State, tuple[State, ...]] = {
    "ordered": (),
    "mixing": ("mixing",),
    "served": ("mixing", "served"),
    "cancelled": ("cancelled",),
}


def order_in(bar: Bar, state: State) -> int:
    number = bar.order("negroni", "ann", "Ann", "customer ann", 1.0).number
    for step in PATHS[state]:
        bar.move(number, step, "bartender bob", 2.0)
    return number


@pytest.mark.parametrize(("state", "to"), list(itertools.product(STATES, STATES)))
def test_an_order_moves_only_where_it_may_and_twice_is_once(state: State, to: State) -> None:
    bar = Bar()
    number = order_in(bar, state)
    before, log = bar.figures(), list(bar.log)
    if (state, to) in MOVES:
        moved = bar.move(number, to, "bartender bob", 3.0)
        assert (moved.state, moved.changed_at, moved.ordered_at) == (to, 3.0, 1.0)
        assert bar.log[-1].what == f"Negroni, order {number}: {to}"
        return
    if state == to:
        assert bar.move(number, to, "bartender eve", 3.0).changed_at <= 2.0
    else:
        with pytest.raises(Refused) as raised:
            bar.move(number, to, "bartender bob", 3.0)
        assert raised.value.code == "moved_on"
    assert (bar.figures(), list(bar.log)) == (before, log)


def test_an_order_of_another_person_looks_like_none() -> None:
    bar = Bar()
    number = order_in(bar, "ordered")
    for who, asked in (("eve", number), ("ann", number + 1)):
        with pytest.raises(Refused) as raised:
            bar.cancel(asked, who, f"customer {who}", 2.0)
        assert raised.value.code == "no_such_order"
    assert bar.of("eve") == []
    assert bar.cancel(number, "ann", "customer ann", 2.0).state == "cancelled"


def test_the_queue_is_the_oldest_first_and_ones_own_orders_the_newest_first() -> None:
    bar = Bar()
    numbers = [order_in(bar, state) for state in ("served", "mixing", "ordered", "cancelled")]
    assert [order.number for order in bar.queue()] == numbers[1:3]
    assert [order.number for order in bar.of("ann")] == numbers[::-1]


def test_nobody_orders_without_end() -> None:
    bar = Bar()
    for _ in range(MOST_OPEN_EACH):
        bar.order("ginger", "ann", "", "customer ann", 1.0)
    with pytest.raises(Refused, match=f"You have {MOST_OPEN_EACH} drinks"):
        bar.order("ginger", "ann", "", "customer ann", 1.0)
    for number in range(MOST_OPEN - MOST_OPEN_EACH):
        bar.order("ginger", f"guest {number}", "", "customer", 1.0)
    with pytest.raises(Refused, match="hands full"):
        bar.order("ginger", "bob", "", "customer bob", 1.0)
    with pytest.raises(Refused) as raised:
        bar.order("absinthe", "bob", "", "customer bob", 1.0)
    assert raised.value.code == "not_on_the_menu"


def test_the_figures_count_what_is_kept_no_more() -> None:
    bar = Bar()
    for _ in range(KEPT + 20):
        order_in(bar, "served")
    waiting = order_in(bar, "ordered")
    figures = bar.figures()
    assert figures["served"] == KEPT + 20
    assert figures["takings"] == (KEPT + 20) * MENU["negroni"].price
    assert len(bar.of("ann")) == KEPT + 1
    assert bar.of("ann")[0].number == waiting
    assert len(bar.log) == KEPT
    assert [(drink.id, number) for drink, number in bar.sold()] == [("negroni", KEPT + 20)]


def test_the_evening_before_is_over_and_in_order() -> None:
    bar = Bar()
    earlier(bar, 1_000_000.0)
    assert bar.queue() == []
    times = [entry.at for entry in bar.log]
    assert times == sorted(times)
    assert times[-1] < 1_000_000.0
    assert bar.figures()["cancelled"] == 1
    assert not {order.state for order in bar.of("earlier-5d1e07aa")} & OPEN
