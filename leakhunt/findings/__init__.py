"""What may be said about a run, as values, and what to change."""
