"""Redis is broken many times, by a seed, under load; on demand: `python -m tests.redis_laboratory --help`. `places` has
the servers and the faults. The short tests are tests/faults/test_redis_failover.py and its neighbours."""
