"""How the pages look: name, logo and colours of the house, and the static files with their hashes.

The operator names one colour; what the pages use is derived from it (rules/palette).
"""

from __future__ import annotations

from dataclasses import field
from functools import cache, lru_cache
from hashlib import sha256
from pathlib import Path
from urllib.parse import urlsplit

from authsvc.records import frozen
from authsvc.rules.palette import DARK_SURFACE, LIGHT_SURFACE, palette
from authsvc.settings import Settings
from authsvc.web.http.reply import Headers, Reply

_TYPES = {"css": b"text/css; charset=utf-8", "js": b"text/javascript; charset=utf-8", "svg": b"image/svg+xml"}
_DIRECTORY = Path(__file__).with_name("static")
_ICON = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="8" fill="{brand}"/>'
    '<path d="M11 15v-3a5 5 0 0 1 10 0v3" fill="none" stroke="{on_brand}" stroke-width="2.5"/>'
    '<rect x="9" y="14.5" width="14" height="10" rx="2.5" fill="{on_brand}"/></svg>\n'
)


@frozen
class StaticFile:
    """`url` changes with the content."""

    body: bytes = field(repr=False)
    content_type: bytes
    digest: str
    url: str


@frozen
class Look:
    """Made once of the settings. `logo_source` is what the CSP's img-src must allow for the logo, "" for nothing."""

    name: str
    logo: str
    logo_source: str
    files: dict[str, StaticFile] = field(repr=False)

    def url(self, name: str) -> str:
        return self.files[name].url


def look_of(settings: Settings) -> Look:
    """The brand that these settings name."""
    return _look(settings.brand_name, settings.brand_logo, settings.brand_color)


@lru_cache(maxsize=4)
def _look(name: str, logo: str, color: str) -> Look:
    light, dark = palette(color, LIGHT_SURFACE), palette(color, DARK_SURFACE)
    files = dict(_stored())
    for made, text in (("brand.css", _stylesheet(light, dark)), ("icon.svg", _ICON.format(**light))):
        files[made] = _file(made, text.encode("ascii"))
    parts = urlsplit(logo)
    return Look(name, logo, f"{parts.scheme}://{parts.netloc}" if parts.scheme == "https" else "", files)


@cache
def _stored() -> dict[str, StaticFile]:
    return {path.name: _file(path.name, path.read_bytes()) for path in sorted(_DIRECTORY.iterdir()) if path.is_file()}


def _file(name: str, body: bytes) -> StaticFile:
    digest = sha256(body).hexdigest()[:16]
    stem, _, kind = name.rpartition(".")
    return StaticFile(body, _TYPES[kind], digest, f"/static/{stem}.{digest}.{kind}")


def static_file(look: Look, name: str, if_none_match: str = "") -> Reply | None:
    """`authsvc.css` or `authsvc.HASH.css`; None: there is no such file.

    With the hash of what we have it may be kept for ever. With another (a page of a newer or older replica) the answer
    is ours, but must be asked for again.
    """
    stem, _, kind = name.rpartition(".")
    found, asked = look.files.get(name), ""
    if found is None:
        stem, _, asked = stem.rpartition(".")
        found = look.files.get(f"{stem}.{kind}")
    if found is None:
        return None
    policy = b"public, max-age=31536000, immutable" if asked == found.digest else b"no-cache"
    etag = f'"{found.digest}"'
    headers: Headers = [
        (b"content-type", found.content_type),
        (b"cache-control", policy),
        (b"etag", etag.encode("ascii")),
        (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    ]
    if kind == "js":  # a frontend's page of another origin imports it
        headers += [(b"cross-origin-resource-policy", b"cross-origin"), (b"access-control-allow-origin", b"*")]
    else:
        headers.append((b"cross-origin-resource-policy", b"same-origin"))
    known = [tag.strip(" \t").removeprefix("W/") for tag in if_none_match.split(",")]
    return Reply(304, b"", headers) if etag in known or "*" in known else Reply(200, found.body, headers)


def _stylesheet(light: dict[str, str], dark: dict[str, str]) -> str:
    def rules(colors: dict[str, str]) -> str:
        return "".join(f"--{name.replace('_', '-')}:{value};" for name, value in colors.items())

    return f":root{{{rules(light)}}}\n@media (prefers-color-scheme:dark){{:root{{{rules(dark)}}}}}\n"
