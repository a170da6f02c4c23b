"""Pure functions from a recorded run to a diagnosis."""
