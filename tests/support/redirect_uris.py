"""Redirect URIs that look like a registered one and are none."""

from __future__ import annotations

FUZZED = [
    "https://app.example/cb/", "https://app.example/cb/x", "https://app.example/CB", "https://APP.example/cb",
    "HTTPS://app.example/cb", "https://app.example:443/cb", "https://app.example./cb", "https://app.example/./cb",
    "https://app.example/x/../cb", "https://app.example/cb?", "https://app.example/cb?a=1", "https://app.example/cb#",
    "https://app.example/cb#x", "https://app.example/cb%2f..", "https://app.example/%63b", "https://app.example//cb",
    "https://app.example@evil.example/cb", "https://evil.example@app.example/cb", "https://app.example\\@evil.example/cb",
    "https://evil.example\\.app.example/cb", "https://app.example.evil.example/cb", "https://evil.example/cb",
    "https:app.example/cb", "//app.example/cb", "http://app.example/cb", "javascript:alert(1)", "data:text/html,x",
    "https://app.example/cb\t", " https://app.example/cb", "https://app.example/cb\r\n", "https://app.example/c\tb",
    "https://xn--pp-example-xyz/cb", "https://\u0430pp.example/cb", "https://app.example/cb?tenant=1&x=1",
    "https://app.example/cb?tenant=2", "https://app.example/cb\x00", "",
]  # fmt: skip
