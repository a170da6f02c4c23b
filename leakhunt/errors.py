"""The one family of errors that leakhunt raises on purpose; `cli.main` alone catches it.

A message is one line: what is wrong, the value that is wrong, what to do. Nothing in the target
raises these: there a problem becomes a `loss` record.
"""

from __future__ import annotations

EXIT_LEAK = 1
EXIT_USAGE = 2
EXIT_YIELDED = 75
EXIT_REFUSED = 78


class LeakhuntError(Exception):
    """A problem that the user can do something about: one line, a slug, a documented exit code."""

    def __init__(self, message: str, *, slug: str, exit_code: int = EXIT_USAGE) -> None:
        super().__init__(message)
        self.slug = slug
        self.exit_code = exit_code
