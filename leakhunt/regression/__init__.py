"""Runs against earlier runs: what got better or worse, and the committed baseline that says what is usual."""
