"""A pool of processes that keeps within a share of the memory. Standard library; the backends are optional."""
