"""Does to a program what a recommendation says, as its reader would: for programs whose line is replaced."""

from __future__ import annotations

import re
from typing import Any

_PLACE = re.compile(r"^# \S+:(\d+)$")


def applied(text: str, recommendation: dict[str, Any]) -> str:
    """Return the program with the code of the recommendation in the place that it names.

    Lines with `...` stand for what is there already and are left out.
    """
    code = recommendation["do"].partition("\n\n")[2].splitlines()
    place = _PLACE.match(code[0])
    assert place, f"no place in {code[0]!r}"
    lines = text.splitlines()
    number = int(place[1])
    old = lines[number - 1]
    indent = old[: len(old) - len(old.lstrip())]
    new = [indent + line for line in code[1:] if _is_to_write(line)]
    lines[number - 1 : number] = new or [f"{indent}pass"]
    changed = "\n".join(lines) + "\n"
    if "@lru_cache" in changed and "import lru_cache" not in changed:
        changed = changed.replace("\nimport sys\n", "\nimport sys\nfrom functools import lru_cache\n", 1)
    return changed


def _is_to_write(line: str) -> bool:
    return not (line.startswith("# ") or line.endswith("# before") or "..." in line)
