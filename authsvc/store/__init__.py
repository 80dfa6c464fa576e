"""The store: SQL and Redis, one function a statement, plain SQL. Imports records only; knows no rule and no request.

PostgreSQL is the truth; Redis holds what can be rebuilt or may be lost. When a store is away, hangs or is full, its
functions raise `StoreUnavailable`: never an answer, and never anything that reads like bad credentials.
"""
