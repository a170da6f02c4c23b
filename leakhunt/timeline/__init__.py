"""The story of a run that ended: what happened when, why it died, what was saved, and how to go on."""
