"""Use cases, one a file: load, ask a rule, apply its verdict, commit, answer.

A flow knows no HTTP: it takes plain values and the Runtime, returns a plain answer, or raises one of
`rules.errors` (the caller is at fault) or `StoreUnavailable` (nobody is). Nothing is issued before its commit.
"""
