"""The redemption of a code, judged twice: by the SQL statement and by the pure function."""
