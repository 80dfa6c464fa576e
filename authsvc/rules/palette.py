"""Colours derived from the one that an operator names, for pages and mails: text keeps WCAG 2.2 AA contrast (4.5:1) and
buttons stand out (3:1), on the light and on the dark surface.
"""

from __future__ import annotations

LIGHT_SURFACE = "#ffffff"
DARK_SURFACE = "#181c23"
TEXT_CONTRAST = 4.6
PART_CONTRAST = 3.1


def palette(color: str, surface: str) -> dict[str, str]:
    """The colours of one theme: `brand` for buttons with `on_brand` text, `hover`, `accent` for links and focus."""
    brand = _standing_out(color, surface, PART_CONTRAST)
    on_brand = "#ffffff" if contrast(brand, "#ffffff") >= TEXT_CONTRAST else "#000000"
    hover = _mixed(brand, "#000000" if on_brand == "#ffffff" else "#ffffff", 0.14)
    return {
        "brand": brand,
        "on_brand": on_brand,
        "hover": hover,
        "accent": _standing_out(color, surface, TEXT_CONTRAST),
        "tint": _mixed(surface, brand, 0.12 if surface == LIGHT_SURFACE else 0.24),
    }


def contrast(one: str, other: str) -> float:
    """WCAG 2.2: 1 to 21."""
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


def _luminance(color: str) -> float:
    parts = [value / 255 for value in bytes.fromhex(color[1:])]
    red, green, blue = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _mixed(color: str, other: str, share: float) -> str:
    pairs = zip(bytes.fromhex(color[1:]), bytes.fromhex(other[1:]), strict=True)
    return "#" + bytes(round(a + (b - a) * share) for a, b in pairs).hex()


def _standing_out(color: str, surface: str, least: float) -> str:
    """The colour, moved away from the surface in small steps until it has this contrast to it."""
    away = "#000000" if _luminance(surface) > 0.5 else "#ffffff"
    steps = (_mixed(color, away, step / 25) for step in range(26))
    return next(step for step in steps if contrast(step, surface) >= least)
