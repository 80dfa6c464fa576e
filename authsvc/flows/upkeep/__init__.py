"""What a worker does beside requests: follow changes, sweep, finish endings that were left, end idle sessions.

Every loop is named in `app.CAPABILITIES`; those of keys, status lists, back-channel logouts and mails stand in their
own wings.
"""
