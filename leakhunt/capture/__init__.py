"""What runs inside the target: follows loops, reads gauges, takes checkpoints, appends to the journal."""
