x = 1  # nothing else
raise ImportError("plain")
