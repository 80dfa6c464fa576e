"""When somebody is told. Each alert comes with series that make it fire and series that do not: promtool tries both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

Series = Mapping[str, str]
"""A series -> its values, one every 30 s, as promtool writes them: `0+5x20` begins at 0 and adds 5, 20 times."""


@dataclass(frozen=True)
class Alert:
    """`wait`: how long it must be so, None: at once. `severity`: `critical` wakes somebody, `warning` is for the day,
    `info` for the record. `events`: names of log and audit events that say more. `told`: what fills `{{ $labels.… }}`
    in the summary, when `fires` fires `at` that time."""

    name: str
    expr: str
    wait: str | None
    severity: str
    summary: str
    fires: Series
    quiet: Series
    at: str = "10m"
    events: tuple[str, ...] = ()
    told: Mapping[str, str] = field(default_factory=dict)


ALERTS = (
    Alert(
        "AuthsvcAway",
        "absent(authsvc_build_info)",
        "2m",
        "critical",
        "No replica of authsvc gives metrics.",
        fires={'authsvc_build_info{version="1"}': "1x2 stale"},
        quiet={'authsvc_build_info{version="1"}': "1x30"},
    ),
    Alert(
        "AuthsvcFailsRequests",
        'sum(rate(authsvc_requests_total{status=~"5.."}[5m])) / sum(rate(authsvc_requests_total[5m])) > 0.01',
        "5m",
        "critical",
        "More than 1 % of requests are answered by 5xx.",
        fires={
            'authsvc_requests_total{endpoint="/token",status="200"}': "0+970x30",
            'authsvc_requests_total{endpoint="/token",status="503"}': "0+30x30",
        },
        quiet={
            'authsvc_requests_total{endpoint="/token",status="200"}': "0+995x30",
            'authsvc_requests_total{endpoint="/token",status="503"}': "0+5x30",
        },
        at="12m",
        events=("postgresql_silent", "request_failed"),
    ),
    Alert(
        "AuthsvcStoreFails",
        "sum by (store) (rate(authsvc_store_errors_total[5m])) > 0.1",
        "5m",
        "warning",
        "The store {{ $labels.store }} fails again and again.",
        fires={'authsvc_store_errors_total{store="redis",kind="timeout"}': "0+6x30"},
        quiet={'authsvc_store_errors_total{store="redis",kind="timeout"}': "0+1x30"},
        at="12m",
        told={"store": "redis"},
        events=("postgresql_silent", "redis_unfit"),
    ),
    Alert(
        "AuthsvcRedisNotTrusted",
        "min(authsvc_redis_trusted) < 1",
        "5m",
        "warning",
        "A replica answers from PostgreSQL alone, because Redis is away or lacks revocations.",
        fires={'authsvc_redis_trusted{pod="a"}': "0x30", 'authsvc_redis_trusted{pod="b"}': "1x30"},
        quiet={'authsvc_redis_trusted{pod="a"}': "1x10 0x4 1x16", 'authsvc_redis_trusted{pod="b"}': "1x30"},
        events=("redis_unfit", "redis_evicted_revocations", "revocation_set_rebuilt"),
    ),
    Alert(
        "AuthsvcRevocationsStale",
        "max(authsvc_sync_age_seconds) > 5 or max(authsvc_feed_age_seconds) > 5",
        "1m",
        "critical",
        "A replica has not read for some seconds what was revoked.",
        fires={"authsvc_sync_age_seconds": "0.4x4 6+30x20", "authsvc_feed_age_seconds": "0x30"},
        quiet={"authsvc_sync_age_seconds": "0.4x30", "authsvc_feed_age_seconds": "0x14 6 0x15"},
        events=("postgresql_silent", "feed_silent"),
    ),
    Alert(
        "AuthsvcStoreWentBackwards",
        "increase(authsvc_state_rollback_total[15m]) > 0",
        None,
        "critical",
        "A store lost writes that it had acknowledged.",
        fires={"authsvc_state_rollback_total": "0x10 1x20"},
        quiet={"authsvc_state_rollback_total": "3x30"},
        events=("database_moved",),
    ),
    Alert(
        "AuthsvcBackupRestored",
        "max(authsvc_rollback_suspected) > 0",
        None,
        "critical",
        "PostgreSQL is a former state of what was seen; nobody is served until authsvc restore fence.",
        fires={'authsvc_rollback_suspected{pod="a"}': "0x10 1x20", 'authsvc_rollback_suspected{pod="b"}': "0x30"},
        quiet={'authsvc_rollback_suspected{pod="a"}': "0x30"},
        events=("rollback_suspected", "rollback_decided"),
    ),
    Alert(
        "AuthsvcNoKeySigns",
        'max(authsvc_keys{phase="signing"}) < 1',
        "1m",
        "critical",
        "No key may sign.",
        fires={'authsvc_keys{phase="signing"}': "0x30"},
        quiet={'authsvc_keys{phase="signing"}': "1x30", 'authsvc_keys{phase="announced"}': "0x30"},
        events=("key_step_failed", "key_step_postponed", "master_key_missing"),
    ),
    Alert(
        "AuthsvcNoNextKey",
        'max(authsvc_keys{phase="announced"}) < 1',
        "1h",
        "warning",
        "No next key is announced; authsvc keys plan says until when the present ones sign.",
        fires={'authsvc_keys{phase="announced"}': "0x150"},
        quiet={'authsvc_keys{phase="announced"}': "0x60 1x4 0x86"},
        at="70m",
        events=("key_step_failed", "key_step_postponed"),
    ),
    Alert(
        "AuthsvcTokensCopied",
        'sum(increase(authsvc_refresh_total{verdict="reuse"}[10m])) > 0',
        None,
        "info",
        "Copied refresh tokens were found, and their sessions ended.",
        fires={'authsvc_refresh_total{verdict="reuse"}': "0x10 1x20"},
        quiet={'authsvc_refresh_total{verdict="reuse"}': "1x30", 'authsvc_refresh_total{verdict="rotate"}': "0+9x30"},
        events=("refresh_token_reuse",),
    ),
    Alert(
        "AuthsvcLogoutsNotTold",
        'sum(increase(authsvc_backchannel_logouts_total{result="given_up"}[1h])) > 0',
        None,
        "warning",
        "A client was not told of logouts for a day.",
        fires={'authsvc_backchannel_logouts_total{result="given_up"}': "0x10 2x20"},
        quiet={
            'authsvc_backchannel_logouts_total{result="given_up"}': "2x30",
            'authsvc_backchannel_logouts_total{result="failed"}': "0+9x30",
        },
        events=("backchannel_logout_given_up", "backchannel_logout_failed"),
    ),
    Alert(
        "AuthsvcMailsWait",
        "max(authsvc_mails_oldest_seconds) > 900",
        "5m",
        "warning",
        "A mail has waited for more than 15 minutes.",
        fires={"authsvc_mails_oldest_seconds": "901+30x30"},
        quiet={"authsvc_mails_oldest_seconds": "870x30"},
        events=("mail_put_off", "mail_given_up"),
    ),
    Alert(
        "AuthsvcLogLost",
        "sum(increase(authsvc_log_lines_dropped_total[15m])) > 0",
        None,
        "warning",
        "Log lines were lost, because nobody read them.",
        fires={"authsvc_log_lines_dropped_total": "0x10 40x20"},
        quiet={"authsvc_log_lines_dropped_total": "40x30"},
    ),
    Alert(
        "AuthsvcLoopLags",
        "histogram_quantile(0.99, sum by (le) (rate(authsvc_loop_lag_seconds_bucket[5m]))) > 0.25",
        "5m",
        "warning",
        "A worker comes late to everything: it has too much to do, or too little CPU.",
        fires={
            'authsvc_loop_lag_seconds_bucket{le="0.25"}': "0+58x40",
            'authsvc_loop_lag_seconds_bucket{le="0.5"}': "0+60x40",
            'authsvc_loop_lag_seconds_bucket{le="+Inf"}': "0+60x40",
        },
        quiet={
            'authsvc_loop_lag_seconds_bucket{le="0.25"}': "0+60x40",
            'authsvc_loop_lag_seconds_bucket{le="+Inf"}': "0+60x40",
        },
        at="15m",
    ),
    Alert(
        "AuthsvcPoolWaits",
        "max(authsvc_db_waiting) > 0",
        "2m",
        "warning",
        "Requests wait for a connection to PostgreSQL: it is slow, or AUTHSVC_DB_POOL_SIZE too small.",
        fires={"authsvc_db_waiting": "0x4 3x30"},
        quiet={"authsvc_db_waiting": "0x4 3x2 0x1 2x2 0x30"},
        at="5m",
    ),
    Alert(
        "AuthsvcLogoutsWait",
        "max(authsvc_logouts_oldest_seconds) > 3600",
        "5m",
        "warning",
        "A client was not told of a logout for an hour.",
        fires={"authsvc_logouts_oldest_seconds": "3601+30x30"},
        quiet={"authsvc_logouts_oldest_seconds": "600x30"},
        events=("backchannel_logout_failed",),
    ),
    Alert(
        "AuthsvcTracesLost",
        "sum(increase(authsvc_spans_dropped_total[15m])) > 0",
        None,
        "info",
        "Traces were lost: their collector is away, or too slow.",
        fires={"authsvc_spans_dropped_total": "0x10 40x20"},
        quiet={"authsvc_spans_dropped_total": "40x30"},
        events=("traces_not_sent",),
    ),
)
