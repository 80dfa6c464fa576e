"""Settings of how the hosted pages look."""

from __future__ import annotations

from dataclasses import dataclass

from authsvc.settings.kinds import colour, display_name, logo, setting


@dataclass(frozen=True, kw_only=True)
class Pages:
    brand_name: str = setting(display_name, "authsvc", help="name on the hosted pages")
    brand_logo: str = setting(logo, "", help="logo on the hosted pages: https:// URL or data:image/...;base64,...")
    brand_color: str = setting(colour, "#3b5bdb", help="colour of buttons and links; readable shades are derived")
