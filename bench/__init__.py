"""The benchmark: every throughput beside what `openssl speed rsa2048` signs a second on the same core, in the same run.

Machines differ and are shared; a ratio to the one operation that no token service can avoid does not lie so easily.
"""
