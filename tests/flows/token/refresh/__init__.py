"""The refresh rule on real servers: the table, its twin in SQL, parallel calls, lost answers, and the mutants.

bench.py      one grant on the bench: put it in a state, refresh it, look at the row
twin.py       the same case judged by the SQL statement and by the pure function
promises.py   what the statement and the triggers promise; test_mutants.py breaks them and demands that these fail
model.py      the rule once more, for the state machine: written from the table, sharing no code with the service
wire.py       a proxy that counts what PostgreSQL is asked
"""
