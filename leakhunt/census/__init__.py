"""The heap census: its format, and which paths grow from one census to the next. Standard library only."""
