"""A virtual world in which the judges of keys prove themselves: centuries of rotations in seconds.

Law: pure. Time is virtual, chance is one `Random` of a seed, and there is neither I/O nor await: the same seed is the
same world. It decides nothing about keys. Verdicts are those of `keys`, the functions that production calls, handed
in as `Judges` so that tests can hand in broken ones. What a verdict did is judged by its outcome alone (`violations`):
by what verifiers made of tokens, never by the rule that is on trial. Imports `keys`, `jose` and the standard library.

    scene            what is simulated: policy, surroundings, how many of whom, and the verdicts on trial
    chance, records  a seed's chance; tokens, and sets of keys as they are served
    database         rows of signing keys, one change at a time, and what a backup brings back
    replicas         what a replica knows, signs and serves, also cut off or restarted
    verifiers        caches of real kinds: PyJWT's, jose's, plain HTTP, a gateway's, ours
    violations       what is counted, and what is a violation
    world            time and events; who changes keys, who hears of it, whom the balancer asks
    traffic          clients and their tokens, around every instant at which something changes
    faults           faults and operators
    run              `simulate`
"""
