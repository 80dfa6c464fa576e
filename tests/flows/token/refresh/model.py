"""The rule once more, as a model: what every request must be answered, from the rule's table and nothing else.

Times are the seconds that the tests have let pass; real time is taken for none. So ticks must keep off the bounds.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

DEFAULT_GRACE = 30
DEFAULT_LOST_ANSWER = 259_200
SESSION_SECONDS = 7 * 86_400
SCOPES = frozenset({"openid", "profile", "email"})
REFUSED, CROWDED, WIDER, UNAVAILABLE = "invalid_grant", "temporarily_unavailable", "invalid_scope", "unavailable"


@dataclass(frozen=True)
class Given:
    """A success: the generation of the refresh token in the answer, and the seconds the session still has."""

    generation: int
    left: int


Expected = Given | str
"""A success, or an error's code; UNAVAILABLE is the 503 of a store that is away."""


@dataclass
class Row:
    """What the model believes of one grant's row."""

    client: str
    expires: int
    rotated: int
    generation: int = 0
    parent: int = -1
    repeats: int = 0
    ended: bool = False
    deleted: bool = False


@dataclass
class Model:
    now: int = 0
    down: bool = False
    disabled: bool = False
    grace: dict[str, int] = field(default_factory=dict)
    lost_answer: dict[str, int] = field(default_factory=dict)
    rows: dict[int, Row] = field(default_factory=dict)
    """By the test's number of the session; each has one grant."""
    before: dict[int, Row] = field(default_factory=dict)
    """The rows that had a rotation as their last change, as they were before it."""

    def login(self, number: int, client: str) -> Expected:
        if self.down:
            return UNAVAILABLE
        if self.disabled:
            return "invalid_credentials"
        self.rows[number] = Row(client, self.now + SESSION_SECONDS, self.now)
        return Given(0, SESSION_SECONDS)

    def refresh(self, number: int, presented: int, client: str, scope: frozenset[str] = frozenset()) -> Expected:
        row = self.rows[number]
        if client != row.client:
            return REFUSED  # its MAC is not for this client: no store is asked
        if self.down:
            return UNAVAILABLE
        if row.deleted or row.ended or row.expires <= self.now or presented > row.generation + 1:
            return REFUSED
        return self._living(number, row, presented, scope)

    def _living(self, number: int, row: Row, presented: int, scope: frozenset[str]) -> Expected:
        grace, age = self.grace[row.client], self.now - row.rotated
        is_parent = presented == row.parent
        if presented >= row.generation:
            change = {"generation": presented + 1, "parent": presented, "rotated": self.now, "repeats": 0}
        elif is_parent and grace and age <= grace:
            if row.repeats >= 256:
                return CROWDED
            change = {"repeats": row.repeats + 1}
        elif is_parent and grace and age <= self.lost_answer[row.client]:
            change = {"generation": row.generation + 1, "rotated": self.now, "repeats": 0}
        elif not is_parent and row.generation - presented in (2, 3) and age <= 30:
            return CROWDED
        else:
            self.end(number)
            return REFUSED
        if not scope <= SCOPES:
            return WIDER
        self._change(number, **change)
        return Given(row.generation, row.expires - self.now)

    def _change(self, number: int, **change: int) -> None:
        row = self.rows[number]
        if "generation" in change:
            self.before[number] = replace(row)
        else:
            self.before.pop(number, None)
        for name, value in change.items():
            setattr(row, name, value)

    def end(self, number: int) -> None:
        self.before.pop(number, None)
        self.rows[number].ended = True

    def expire(self, number: int) -> None:
        self.before.pop(number, None)
        self.rows[number].expires = self.now

    def end_by_token(self, number: int, client: str) -> bool:
        """Whether logout or revoke may say 2xx; they also do for tokens that are not the client's, to no effect."""
        if client != self.rows[number].client:
            return True
        if not self.down:
            self.end(number)
        return not self.down

    def end_others(self, number: int) -> None:
        for other, row in self.rows.items():
            if other != number and not row.deleted:
                self.end(other)

    def disable(self) -> None:
        self.disabled = True
        self.end_others(-1)

    def delete(self, number: int) -> None:
        self.end(number)
        self.rows[number].deleted = True

    def lose_last_commit(self, number: int) -> None:
        """PostgreSQL comes back without its last rotation (a failover, a restore)."""
        self.rows[number] = self.before.pop(number)

    def tick(self, seconds: int) -> None:
        self.now += seconds
