"""An interpreter has one name, whether it is asked from outside or says it itself."""

from __future__ import annotations

import sys
from importlib import metadata

from leakhunt.guard.interpreter import describe_interpreter, this_key, versions_here


def test_the_interpreter_that_this_runs_in_is_the_one_that_is_asked() -> None:
    asked = describe_interpreter(sys.executable, ["pytest", "json"])

    assert asked.key == this_key()
    assert asked.packages == versions_here(["pytest", "json"], metadata.packages_distributions())
    assert asked.packages == {"pytest": metadata.version("pytest")}
