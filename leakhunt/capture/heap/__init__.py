"""Takes a heap census: walks from the roots, names edges, measures what suspects hold. In a forked child."""
