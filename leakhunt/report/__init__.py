"""Draws a diagnosis: terminal, JSON, Markdown, HTML. Decides nothing."""
