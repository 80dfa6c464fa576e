"""A file of people to import: CSV with a head line, or one JSON object a line. `rules/people` judges what is read."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from typing import Any

from authsvc.rules.people.import_rows import ImportRow, Unreadable

COLUMNS = ("email", "name", "roles", "password_hash")


class BadFile(Exception):
    """It has no lines that could be read one by one; the message names the line at which that shows."""


def read_rows(data: bytes) -> list[ImportRow | Unreadable]:
    """One for every line that holds something. Raises BadFile."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadFile(f"line {data.count(10, 0, error.start) + 1}: not UTF-8") from None
    lines = _json_lines(text) if text.lstrip().startswith("{") else _csv_lines(text)
    rows = [_row(number, fields) for number, fields in lines]
    if not rows:
        raise BadFile("line 1: the file holds nobody")
    return rows


def _row(line: int, fields: dict[str, Any]) -> ImportRow | Unreadable:
    unknown = sorted(str(key) for key in fields if key not in COLUMNS)
    if unknown:
        return Unreadable(line, f"unknown column {unknown[0][:80]!r}: the columns are {', '.join(COLUMNS)}")
    try:
        email, name, password_hash = (_text(fields, key) for key in ("email", "name", "password_hash"))
        return ImportRow(line, email, name, _roles(fields.get("roles")), password_hash)
    except ValueError as error:
        return Unreadable(line, str(error))


def _text(fields: dict[str, Any], key: str) -> str:
    value = fields.get(key)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise ValueError(f"{key} is not text")
    return value


def _roles(value: Any) -> tuple[str, ...]:
    """A JSON list, or words between spaces, commas or semicolons."""
    if isinstance(value, str):
        value = re.split(r"[\s,;]+", value.strip()) if value.strip() else []
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(role, str) for role in value):
        raise ValueError("roles is not a list of words")
    return tuple(value)


def _json_lines(text: str) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except (ValueError, RecursionError):
            value = None
        yield number, value if isinstance(value, dict) else {"not a JSON object": None}


def _csv_lines(text: str) -> Iterator[tuple[int, dict[str, Any]]]:
    reader = csv.DictReader(io.StringIO(text, newline=""), restkey="more fields than the head line", strict=True)
    head = [name.strip().lower() for name in reader.fieldnames or []]
    if "email" not in head:
        raise BadFile(f"line 1: no column `email`; the head line names the columns: {', '.join(COLUMNS)}")
    if len(set(head)) != len(head):
        raise BadFile("line 1: a column is named twice")
    reader.fieldnames = head
    try:
        for fields in reader:
            yield reader.line_num, fields
    except csv.Error as error:
        raise BadFile(f"line {reader.reader.line_num}: {error}") from None
