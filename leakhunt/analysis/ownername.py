"""Takes the name that the user's code uses for a holder out of its path."""

from __future__ import annotations

import re
from dataclasses import dataclass

_HELD_BY = re.compile(r"\s{2,}\(.*\)\s*$|\s+\((?:held by|functools).*\)\s*$")
#: What follows is inside an object of a library: no code of the user's names it.
_INSIDE = re.compile(r"(?<=\w)->.*$")
_SUBSCRIPT = re.compile(r"\[[^\]]*\]|<keys>|->\w+")
_WORDS = (
    re.compile(r"(?:^|\s)local (?P<name>[\w.]+)"),
    re.compile(r"closure variable (?P<name>[\w.]+)"),
    re.compile(r"default argument (?P<name>[\w.]+)"),
    re.compile(r"cache of (?P<name>[\w.]+)"),
    re.compile(r"contextvar (?P<name>[\w.]+)"),
    re.compile(r"threading\.local in (?P<name>[\w.]+)"),
)


@dataclass(frozen=True, slots=True)
class OwnerName:
    """`name` is the last part (what `.append` is called on), `dotted` the whole expression."""

    name: str
    dotted: str


def owner_name(path: str) -> OwnerName | None:
    """Return the name in an owner path; None when it has none that code would use."""
    bare = _HELD_BY.sub("", path)
    bare = _INSIDE.sub("", bare)
    bare = _SUBSCRIPT.sub("", bare).strip()
    for pattern in _WORDS:
        found = pattern.search(bare)
        if found:
            dotted = found["name"].strip(".")
            rest = bare[found.end() :].strip()
            if rest.startswith("."):
                dotted += re.match(r"[\w.]*", rest)[0]  # type: ignore[index]
            return OwnerName(dotted.rpartition(".")[2], dotted)
    dotted = bare.split()[0] if bare.split() else ""
    name = dotted.rpartition(".")[2]
    return OwnerName(name, dotted) if name.isidentifier() else None


def names_in_code(path: str) -> list[str]:
    """Return the names that code may fill the holder through: its own, then the one that leads to it."""
    found = []
    own = owner_name(path)
    if own is not None:
        found.append(own.name)
    holder = re.search(r"\s{2,}\((.*)\)\s*$", path)
    leading = owner_name(holder[1]) if holder else None
    if leading is not None and leading.name not in found:
        found.append(leading.name)
    return found
