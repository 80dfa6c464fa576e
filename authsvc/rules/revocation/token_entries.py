"""How many access tokens of one session a client may have voided one by one.

Each of them is an entry that every replica and every verifier keeps while the token could live. A session that has
tokens made and voids them would fill the memory of all. After so many, one entry `grant` voids all that the client has
of this session so far, and takes the place of those to come.
"""

from __future__ import annotations

MOST_TOKEN_ENTRIES = 64
"""Living entries `token` of one session and client. Parallel calls may write a few more."""
