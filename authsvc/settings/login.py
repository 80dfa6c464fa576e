"""Settings of the limits on failed attempts, and of password hashing."""

from __future__ import annotations

from dataclasses import dataclass

from authsvc.settings.kinds import DAY, setting, whole


@dataclass(frozen=True, kw_only=True)
class Login:
    login_account_failures: int = setting(whole(1, 1000), 10, help="failed logins of an account in the window")
    login_network_failures: int = setting(whole(1, 100_000), 100, help="failed logins of a network in the window")
    client_failures: int = setting(whole(1, 100_000), 30, help="failed client authentications in the window")
    user_code_failures: int = setting(whole(1, 1000), 10, help="wrong device codes of a person in the window")
    device_network_requests: int = setting(
        whole(1, 1_000_000), 300, help="devices of a network that ask for codes in the window"
    )
    failure_window_seconds: int = setting(whole(1, DAY), 900, help="the window of the limits above")
    replicas: int = setting(whole(1, 1000), 1, help="processes that share the limits while Redis is away")

    argon2_memory_kib: int = setting(whole(8, 4_194_304), 19_456, help="argon2id memory (KiB)")
    argon2_time_cost: int = setting(whole(1, 100), 2, help="argon2id passes")
    argon2_parallelism: int = setting(whole(1, 64), 1, help="argon2id lanes")
    hash_threads: int = setting(whole(0, 64), 0, help="threads that hash passwords; 0: half the cores")
    hash_queue: int = setting(whole(1, 10_000), 50, help="logins that may wait for a thread, half of it for strangers")
