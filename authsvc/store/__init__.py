"""The store: SQL and Redis, one function a statement, plain SQL. Imports records, and the rule that a statement
carries out; has no rule of its own, and knows no request.

PostgreSQL is the truth; Redis holds what can be rebuilt or may be lost. When a store is away, hangs or is full, its
functions raise `StoreUnavailable`: never an answer, and never anything that reads like bad credentials.
"""
