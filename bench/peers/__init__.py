"""Other people's servers under the same load on the same core: for a table that can be repeated.

What is fetched is installed into a directory that is removed afterwards, in versions that are named here.
"""
