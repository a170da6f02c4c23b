"""Runs a program with a few settings and says what the others would take."""
