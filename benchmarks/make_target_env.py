"""`make target-env`, `make torch-env`: an environment as a user has it, with nothing of leakhunt in it.

The one has old pins, the other torch. Prints the path of its interpreter, and nothing else on standard output;
exit 1 where it cannot be made here. `leakhunt profile --python PATH script.py` runs the target there.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

PINS = ("numpy==1.26.*", "pandas==2.0.*")
#: The wheels of these pins exist for these interpreters.
VERSIONS = ("3.11", "3.10")


def interpreter() -> str | None:
    """Return a Python that the pins have wheels for: this one, or one on the PATH or under pyenv."""
    candidates: list[str] = [sys.executable]
    for version in VERSIONS:
        candidates.append(f"python{version}")
        candidates += [str(path) for path in Path.home().glob(f".pyenv/versions/{version}.*/bin/python")]
    return next((candidate for candidate in candidates if _version(candidate) in VERSIONS), None)


def make(where: Path, pins: Sequence[str] = PINS) -> Path:
    """Return the interpreter of an environment at `where` that holds `pins`; made unless it is there.

    Raises FileNotFoundError without an interpreter for it, CalledProcessError when the pins cannot be had.
    """
    python = where / "bin" / "python"
    stamp = where / ".complete"
    if not stamp.exists():
        base = interpreter()
        if base is None:
            raise FileNotFoundError(f"no Python {' or '.join(VERSIONS)} here, which the pins {pins} need")
        subprocess.run([base, "-m", "venv", str(where)], check=True, stdout=sys.stderr)
        install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*install, *pins], check=True, stdout=sys.stderr)
        stamp.touch()
    return python


def _version(python: str) -> str | None:
    probe = "import sys, venv, ensurepip; print('%d.%d' % sys.version_info[:2])"
    try:
        done = subprocess.run([python, "-c", probe], capture_output=True, text=True, check=False)
    except OSError:
        return None
    return done.stdout.strip() or None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--where", type=Path, default=Path(".venv-target"))
    parser.add_argument("--pins", nargs="+", default=list(PINS), metavar="REQUIREMENT")
    options = parser.parse_args()
    try:
        print(make(options.where.absolute(), options.pins))
    except (OSError, subprocess.CalledProcessError) as problem:
        sys.exit(f"no environment with {' '.join(options.pins)} can be made here: {problem}")


if __name__ == "__main__":
    main()
