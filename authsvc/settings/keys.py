"""Settings of the master key, of signing keys and of those who verify by them."""

from __future__ import annotations

from dataclasses import dataclass

from authsvc.settings.kinds import DAY, setting, whole


@dataclass(frozen=True, kw_only=True)
class Keys:
    master_key: str = setting(str, secret=True, help="text of the master key file (give AUTHSVC_MASTER_KEY_FILE)")
    key_policy_file: str = setting(
        str, "", help="life of signing keys, as in keys/policy.toml; empty: the built-in policy, the same"
    )
    jwks_max_age: int = setting(whole(1, DAY), 300, help="Cache-Control max-age of the JWKS")
    state_dir: str = setting(str, "", help="directory for the JWKS snapshot that serves a cold start")
    clock_skew_seconds: int = setting(whole(0, 600), 60, help="clock difference allowed to verifiers")
