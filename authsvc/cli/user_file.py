"""A file of people to import: CSV with a head line, a JSON list, or one JSON object a line. `rules/people` judges what
is read."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from typing import Any

from authsvc.rules.people.import_rows import ImportRow, Unit, Unreadable

COLUMNS = ("email", "name", "roles", "password_hash", "email_verified", "id", "totp_secret")
_TRUTHS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False, "": False}
WANTED = (
    f"wanted is CSV in UTF-8 with a head line ({','.join(COLUMNS)}; email alone will do), a JSON list of such objects, "
    "or one of them a line"
)

Read = Iterator[tuple[int, Any]]
"""Where somebody stands, and what stands there."""


class BadFile(Exception):
    """It holds no people that could be read one by one; the message names the line at which that shows."""


def read_rows(data: bytes) -> list[ImportRow | Unreadable]:
    """One for everybody in it. Raises BadFile."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadFile(f"line {data.count(10, 0, error.start) + 1}: not UTF-8; {WANTED}") from None
    unit, read = _entries_or_lines(text)
    rows = [_row(number, value, unit) for number, value in read]
    if not rows:
        raise BadFile(f"line 1: the file holds nobody; {WANTED}")
    return rows


def _entries_or_lines(text: str) -> tuple[Unit, Read]:
    start = text.lstrip()[:1]
    if start == "[":
        return "entry", enumerate(_json_list(text), start=1)
    return "line", _json_lines(text) if start == "{" else _csv_lines(text)


def _row(line: int, value: Any, unit: Unit) -> ImportRow | Unreadable:
    if not isinstance(value, dict):
        return Unreadable(line, "not a JSON object of one person", unit)
    unknown = sorted(str(key) for key in value if key not in COLUMNS)
    if unknown:
        return Unreadable(line, f"unknown column {unknown[0][:80]!r}: the columns are {', '.join(COLUMNS)}", unit)
    try:
        return ImportRow(
            line,
            _text(value, "email"),
            _text(value, "name"),
            _roles(value.get("roles")),
            _text(value, "password_hash"),
            _truth(value.get("email_verified")),
            _text(value, "id"),
            _text(value, "totp_secret"),
            unit,
        )
    except ValueError as error:
        return Unreadable(line, str(error), unit)


def _text(fields: dict[str, Any], key: str) -> str:
    value = fields.get(key)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise ValueError(f"{key} is not text")
    return value


def _truth(value: Any) -> bool:
    if isinstance(value, bool) or value is None:
        return bool(value)
    if isinstance(value, str) and (word := value.strip().lower()) in _TRUTHS:
        return _TRUTHS[word]
    raise ValueError("email_verified is neither true nor false")


def _roles(value: Any) -> tuple[str, ...]:
    """A JSON list, or words between spaces, commas or semicolons."""
    if isinstance(value, str):
        value = re.split(r"[\s,;]+", value.strip()) if value.strip() else []
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(role, str) for role in value):
        raise ValueError("roles is not a list of words")
    return tuple(value)


def _json_list(text: str) -> list[Any]:
    try:
        found: list[Any] = json.loads(text)
    except json.JSONDecodeError as error:
        raise BadFile(f"line {error.lineno}: the JSON list is damaged ({error.msg}); {WANTED}") from None
    except (ValueError, RecursionError):
        raise BadFile(f"line 1: a JSON list that nobody could read; {WANTED}") from None
    return found


def _json_lines(text: str) -> Read:
    """A line that is no JSON stands for itself; where none is, the file is something else, an object with a list of
    people in it, say."""
    lines = [(number, line) for number, line in enumerate(text.split("\n"), start=1) if line.strip()]
    found = [(number, _json(line)) for number, line in lines]
    if isinstance(_json(text), dict) and (len(lines) > 1 or "email" not in found[0][1]):
        raise BadFile(f"line 1: one JSON object around everything; {WANTED}")
    yield from found


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _csv_lines(text: str) -> Read:
    reader = csv.DictReader(io.StringIO(text, newline=""), restkey="more fields than the head line", strict=True)
    try:
        head = [name.strip().lower() for name in reader.fieldnames or []]
        if "email" not in head:
            raise BadFile(f"line 1: no column `email` between commas; {WANTED}")
        if len(set(head)) != len(head):
            raise BadFile(f"line 1: a column is named twice; {WANTED}")
        reader.fieldnames = head
        for fields in reader:
            yield reader.line_num, fields
    except csv.Error as error:
        raise BadFile(f"line {reader.reader.line_num}: {error}; {WANTED}") from None
