"""A record is what `dataclass(frozen=True, slots=True)` makes: each case is asked of both."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from dataclasses import FrozenInstanceError, asdict, dataclass, field, fields, replace
from typing import Any

import pytest

from authsvc.records import frozen


@frozen
class Bottle:
    name: str
    secret: str = field(repr=False)
    litres: float = 0.7
    tags: dict[str, int] = field(default_factory=dict)


@frozen
class Crate(Bottle):
    """Has a bottle's fields, and its own."""

    count: int = 6

    def __post_init__(self) -> None:
        if self.count < 1:
            raise ValueError("a crate holds something")


@frozen(kw_only=True)
class Order:
    who: str
    what: tuple[str, ...] = ()


@frozen
class One:
    value: str


@frozen
class Nothing:
    pass


def plain(kind: type[Any], **options: bool) -> type[Any]:
    """The same class as the standard library makes it."""
    names = {item.name: item for item in fields(kind)}
    body: dict[str, Any] = {"__annotations__": dict.fromkeys(names, "Any"), "__qualname__": kind.__qualname__}
    for name, item in names.items():
        given = {key: getattr(item, key) for key in ("default", "default_factory", "repr")}
        body[name] = field(**given)
    if "__post_init__" in vars(kind):
        body["__post_init__"] = vars(kind)["__post_init__"]
    return dataclass(frozen=True, slots=True, **options)(type(kind.__name__, (), body))


PAIRS = {kind: plain(kind) for kind in (Bottle, Crate, One, Nothing)} | {Order: plain(Order, kw_only=True)}

CASES: dict[str, tuple[type[Any], Callable[[Any], Any]]] = {
    "shown without what is secret": (Bottle, lambda kind: repr(kind("gin", "s3cret"))),
    "shown with an inherited field": (Crate, lambda kind: repr(kind("gin", "s3cret", count=2))),
    "shown with one field": (One, lambda kind: repr(kind("a"))),
    "shown without a field": (Nothing, lambda kind: repr(kind())),
    "fields in their order": (Crate, lambda kind: asdict(kind("gin", "s3cret", 1.0, {"a": 1}, 3))),
    "defaults": (Crate, lambda kind: asdict(kind("gin", "s3cret"))),
    "a default made anew": (Bottle, lambda kind: kind("a", "b").tags is kind("a", "b").tags),
    "equal": (Bottle, lambda kind: kind("a", "b") == kind("a", "b", 0.7)),
    "equal with one field": (One, lambda kind: (kind("a") == kind("a"), kind("a") == kind("b"), kind("a") == "a")),
    "equal without a field": (Nothing, lambda kind: (kind() == kind(), hash(kind()) == hash(kind()))),
    "a secret counts": (Bottle, lambda kind: kind("a", "b") == kind("a", "c")),
    "another kind is another": (Order, lambda kind: kind(who="a") == ("a", ())),
    "equal ones have one place": (Order, lambda kind: len({kind(who="a"), kind(who="a", what=()), kind(who="b")})),
    "no place with what changes": (Bottle, lambda kind: hash(kind("a", "b"))),
    "changed copies": (Crate, lambda kind: asdict(replace(kind("a", "b"), count=3))),
    "changed to what is refused": (Crate, lambda kind: replace(kind("a", "b"), count=0)),
    "changed by an unknown name": (Order, lambda kind: replace(kind(who="a"), whom="b")),
    "refused as it is made": (Crate, lambda kind: kind("a", "b", count=0)),
    "too little": (Bottle, lambda kind: kind("a")),
    "too much": (One, lambda kind: kind("a", "b")),
    "an unknown name": (One, lambda kind: kind("a", other="b")),
    "by name alone": (Order, lambda kind: kind("a")),
    "set": (One, lambda kind: setattr(kind("a"), "value", "b")),
    "taken away": (One, lambda kind: delattr(kind("a"), "value")),
    "copied": (Crate, lambda kind: (copy.copy(one := kind("a", "b")) == one, copy.deepcopy(one) == one)),
    "in a pattern": (Crate, lambda kind: kind.__match_args__),
    "nothing but slots": (One, lambda kind: hasattr(kind("a"), "__dict__")),
    "its name": (Bottle, lambda kind: (kind.__name__, kind.__init__.__qualname__)),
}


def outcome(kind: type[Any], ask: Callable[[Any], Any]) -> Any:
    try:
        return ask(kind)
    except (TypeError, ValueError, FrozenInstanceError) as error:
        return type(error)


@pytest.mark.parametrize("case", CASES)
def test_it_answers_as_a_dataclass_does(case: str) -> None:
    kind, ask = CASES[case]
    assert outcome(kind, ask) == outcome(PAIRS[kind], ask)


def test_it_is_kept_and_read_again() -> None:
    assert pickle.loads(pickle.dumps(Crate("a", "b", count=2))) == Crate("a", "b", count=2)


def test_a_change_says_which_field() -> None:
    with pytest.raises(FrozenInstanceError, match="'value'"):
        One("a").value = "b"  # type: ignore[misc]


def test_a_class_says_what_it_is_for() -> None:
    assert (Crate.__doc__, One.__doc__) == ("Has a bottle's fields, and its own.", "One")
