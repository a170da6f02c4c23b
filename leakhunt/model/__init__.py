"""A recorded run as values that can be questioned. Knows no statistics."""
