"""Repeats a callable until it can be said whether it leaves something behind: the engine of tests.

The same gauges, censuses, trends and verdicts as of a profiled loop, in one process: a call is a turn.
Importing this package imports nothing else of leakhunt.
"""
