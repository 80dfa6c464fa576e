"""What docs/clients.md shows of a program, with the names of a run, and the files that it speaks of."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from jwt.algorithms import ECAlgorithm

from tests.interop.conftest import Provider

PAPER = Path(__file__).parents[3] / "docs/clients.md"
ISSUER, SECRET = "https://auth.example.com", "its-secret"
"""As docs/clients.md calls them."""


def section(title: str, paper: Path = PAPER) -> list[tuple[str, str]]:
    """The blocks of a chapter of docs/clients.md, or another paper, in order: (language, text)."""
    [chapter] = re.findall(rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", paper.read_text(), re.MULTILINE | re.DOTALL)
    return re.findall(r"^```(\w+)\n(.*?)^```$", chapter, re.MULTILINE | re.DOTALL)


@dataclass
class Shown:
    """A chapter of docs/clients.md with the addresses, ids and secrets of this run: its first block registers the
    client, the others configure the program. `names`: what else is called otherwise here, such as files."""

    title: str
    provider: Provider
    client_id: str
    url: str
    names: Mapping[str, str] = field(default_factory=dict)

    def registered(self, *more: str) -> Self:
        """Run the first block as it stands, but for the names of this run and `more` options."""
        (language, command), *self.blocks = section(self.title)
        assert language == "sh"
        assert command.startswith("authsvc clients add ")
        words = shlex.split(command.replace("\\\n", " "))
        [address, *_] = re.findall(r"https://[a-z]+\.example\.com|http://localhost:\d+", command.replace(ISSUER, ""))
        self.theirs = (words[3], address)
        words = [self._ours(word) for word in words[1:]]
        words[2] = self.client_id
        self.secret = str(self.provider.operate_json(*words, *more).get("client_secret", ""))
        return self

    def block(self, language: str, place: int = 0) -> str:
        """A block of this language, with the names of this run."""
        text = [text for found, text in self.blocks if found == language][place]
        quoted = re.sub(rf"(['\"]){re.escape(self.theirs[0])}\1", rf"\g<1>{self.client_id}\1", self._ours(text))
        return quoted.replace(SECRET, self.secret)

    def _ours(self, text: str) -> str:
        text = text.replace(ISSUER, self.provider.issuer).replace(self.theirs[1], self.url)
        for theirs, ours in self.names.items():
            text = text.replace(theirs, ours)
        return text


def key_files(place: Path) -> dict[str, str]:
    """A client's key (ES256) in the files that docs/clients.md names: their names there -> where they are here."""
    key = ec.generate_private_key(ec.SECP256R1())
    made: dict[str, Any] = json.loads(ECAlgorithm.to_jwk(key))
    private = {**made, "kid": "k", "alg": "ES256"}
    public = {name: value for name, value in private.items() if name != "d"}
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    found = {
        "public-keys.json": json.dumps({"keys": [public]}),
        "private-key.json": json.dumps(private),
        "private-key.pem": pem,
    }
    for name, text in found.items():
        (place / name).write_text(text)
    return {name: str(place / name) for name in found}
