"""What a client that registered itself may be called: nobody else's name, nor one that only looks like it.

A person reads the name when asked for consent, and anybody may register. What looks alike is judged by its skeleton, in
the manner of UTS 39 section 4: letters of other scripts, digits and accents that pass for a Latin letter count as it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

_CYRILLIC = "аеорсухіјѕԁһԛԝӏкАВЕКМНОРСТУХІЈЅԌԚԜӀ", "aeopcyxijsdhqwlkABEKMHOPCTYXIJSGQWI"
_GREEK = "οαανρυικγϲχΑΒΕΖΗΙΚΜΝΟΡΤΥΧ", "oaavpuikycxABEZHIKMNOPTYX"
_OTHERS = "օսոհցɡɑı", "ounhggai"
_LATIN = {ord(letter): latin for pairs in (_CYRILLIC, _GREEK, _OTHERS) for letter, latin in zip(*pairs, strict=True)}
_ALIKE = str.maketrans("01i|", "olll")
_ORDINARY = str.maketrans("", "", "\u0e33\u0eb3")
"""Thai and Lao letters that NFKC takes apart, though nobody writes them otherwise."""
_WORDS = re.compile(r"[^\W_]+").findall
_SPOOFED = ("CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE")


def name_problem(name: str, taken: Iterable[str]) -> tuple[str, str] | None:
    """What is wrong with a name in NFC, for the registrant, and its reason; None: it may be had. `taken`: names that
    people know already."""
    if unicodedata.normalize("NFKC", name.translate(_ORDINARY)) != name.translate(_ORDINARY):
        return (
            "The client_name holds characters that stand for others (full-width letters, ligatures, signs).",
            "client_name_form",
        )
    if _mixes_scripts(name):
        return "The client_name mixes scripts that look alike.", "client_name_scripts"
    if _skeleton(name) in map(_skeleton, taken):
        return "The client_name is somebody else's here, or looks like it.", "client_name_taken"
    return None


def _mixes_scripts(name: str) -> bool:
    """Whether a word mixes scripts that look alike, or stands among Latin ones and could be taken for Latin."""
    words = _WORDS(name)
    latin = any("LATIN" in _scripts(word) for word in words)
    return any(
        len(_scripts(word)) > 1 or (latin and "LATIN" not in _scripts(word) and _passes_for_latin(word))
        for word in words
    )


def _scripts(word: str) -> set[str]:
    found = {unicodedata.name(char, "").partition(" ")[0] for char in word if char.isalpha()}
    return found & {"LATIN", *_SPOOFED}


def _passes_for_latin(word: str) -> bool:
    letters = [char for char in word if char.isalpha()]
    return bool(letters) and all(ord(char) in _LATIN for char in letters)


def _skeleton(name: str) -> str:
    """What is left of a name for the eye; of one without letters, the name."""
    plain = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", name).translate(_LATIN))
    letters = "".join(char for char in plain.casefold().translate(_ALIKE) if char.isalnum())
    return letters.replace("rn", "m").replace("vv", "w") or plain
