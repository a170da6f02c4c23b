"""What others left behind about a run: kernel lines, counters, logs; and what may be concluded about its end."""
