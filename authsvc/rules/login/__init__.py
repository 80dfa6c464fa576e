"""Whether somebody has logged in from this device before.

How often a password may be tried is no rule here: `flows/login/authenticate_person.py` says which counters an attempt
takes a place in, `store/caller/attempts.py` counts them, and the limits are settings (`AUTHSVC_LOGIN_*`). Whether a
second factor follows is asked in `flows/login/second_step.py`, by the ladder of `rules/levels.py`.
"""
