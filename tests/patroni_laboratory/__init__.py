"""Failovers of PostgreSQL under a real Patroni, with people at work: what they were told, and what became of it.

people    sessions as their clients know them, and what they do     history   what was answered, and what may not be
__main__  the failovers, and the table
"""
