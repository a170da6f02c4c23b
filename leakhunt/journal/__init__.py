"""The run directory and its journals: the format that the target and the tool share."""
