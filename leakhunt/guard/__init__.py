"""Stands beside the target: starts it, watches the process tree, notes how it ended. Never diagnoses."""
