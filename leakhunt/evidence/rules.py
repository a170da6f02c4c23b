"""Rules that say what a line of a log tells: a TOML file each, the shipped ones an example.

A rule is looked at only for lines that hold one of its `words`, so that logs of gigabytes are read quickly.
The format is described in docs/reference/log-rules.md.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass, fields
from importlib import resources
from pathlib import Path
from typing import Any

from leakhunt.errors import LeakhuntError
from leakhunt.evidence.happening import KINDS

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

FORMAT = 1
SHIPPED = "rules.toml"
#: Named groups of a pattern that mean something; others are kept in the happening's detail.
GROUPS = {"pid", "size", "available", "total", "percent", "count", "who", "new_pid"}
ROLES = {"watchdog", "worker", "machine"}


@dataclass(frozen=True, slots=True)
class Rule:
    """One kind of line. `words` are lower case; `pattern` None: the words alone decide.

    `kind` is a slug of `happening.KINDS` or one of the user's. `role` says who writes such lines: a "watchdog"
    looks after other processes. `next_time`: what it tells happened at the time of the line after it.
    `program`: only what this program wrote into a system log.
    """

    name: str
    kind: str
    words: tuple[str, ...]
    pattern: re.Pattern[str] | None = None
    role: str | None = None
    program: str | None = None
    next_time: bool = False

    def match(self, text: str, lowered: str, program: str | None) -> dict[str, str] | None:
        """Return the named groups when the line is of this kind, else None."""
        if self.program is not None and self.program != program:
            return None
        if self.words and not any(word in lowered for word in self.words):
            return None
        if self.pattern is None:
            return {}
        found = self.pattern.search(text)
        return None if found is None else {k: v for k, v in found.groupdict().items() if v is not None}


def words_of(rules: Iterable[Rule]) -> tuple[str, ...]:
    """Return the fewest words of which every line that a rule could fit holds one; empty when every line could."""
    wanted: set[str] = set()
    for rule in rules:
        if not rule.words:
            return ()
        wanted.update(rule.words)
    return tuple(sorted(one for one in wanted if not any(other in one for other in wanted if other != one)))


def shipped_rules() -> tuple[Rule, ...]:
    """Return the rules that come with leakhunt."""
    text = resources.files("leakhunt.evidence").joinpath(SHIPPED).read_text(encoding="utf-8")
    return parse_rules(text, name=SHIPPED)


def load_rules(path: Path) -> tuple[Rule, ...]:
    """Return the rules of a user's file, then the shipped ones whose names it does not use.

    Raises LeakhuntError for a file that cannot be read or has something wrong in it.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as problem:
        raise _wrong(f"{path}: {problem.strerror or problem}") from None
    except UnicodeDecodeError:
        raise _wrong(f"{path} is not UTF-8 text: rules are a TOML file") from None
    own = parse_rules(text, name=str(path))
    taken = {rule.name for rule in own}
    return (*own, *(rule for rule in shipped_rules() if rule.name not in taken))


def parse_rules(text: str, *, name: str) -> tuple[Rule, ...]:
    """Return the rules of a TOML text; LeakhuntError says what is wrong with it and where."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as problem:
        raise _wrong(f"{name} is not TOML: {problem}") from None
    except RecursionError:
        raise _wrong(f"{name} is not TOML that anybody wrote: it is nested too deep") from None
    if document.get("format", FORMAT) != FORMAT:
        raise _wrong(f"{name}: format {document['format']!r} is not known, this leakhunt reads {FORMAT}")
    unknown = sorted(set(document) - {"format", "rule"})
    if unknown:
        raise _wrong(f"{name}: {unknown[0]!r} means nothing here, rules are [[rule]] tables")
    entries = document.get("rule", [])
    if not isinstance(entries, list):
        raise _wrong(f"{name}: write [[rule]] with two brackets")
    rules: list[Rule] = []
    for number, entry in enumerate(entries, 1):
        rules.append(_rule(entry, f"{name}, rule {number}"))
    seen: set[str] = set()
    for rule in rules:
        if rule.name in seen:
            raise _wrong(f"{name}: two rules are named {rule.name!r}")
        seen.add(rule.name)
    return tuple(rules)


_KEYS = {field.name for field in fields(Rule)}


def _rule(entry: Any, where: str) -> Rule:
    if not isinstance(entry, dict):
        raise _wrong(f"{where} is not a table")
    unknown = sorted(set(entry) - _KEYS)
    if unknown:
        raise _wrong(f"{where}: {unknown[0]!r} is not a key of a rule ({', '.join(sorted(_KEYS))})")
    name, kind = _text(entry, "name", where), _text(entry, "kind", where)
    if not re.fullmatch(r"[a-z][a-z0-9-]{0,63}", name) or not re.fullmatch(r"[a-z][a-z0-9-]{0,63}", kind):
        raise _wrong(
            f"{where}: name and kind are written like `worker-died` ({', '.join(KINDS)}, or your own)"
        )
    words = entry.get("words", [])
    if isinstance(words, str):
        words = [words]
    if not isinstance(words, list) or not all(isinstance(word, str) and word.strip() for word in words):
        raise _wrong(f"{where}: words is a list of texts that such lines hold")
    pattern = _pattern(entry.get("pattern"), where)
    if not words and pattern is None:
        raise _wrong(f"{where} needs words or a pattern to tell a line by")
    role = entry.get("role")
    if role is not None and role not in ROLES:
        raise _wrong(f"{where}: role is one of {', '.join(sorted(ROLES))}, not {role!r}")
    program = entry.get("program")
    if program is not None and not isinstance(program, str):
        raise _wrong(f"{where}: program is the name of a program in a system log")
    next_time = entry.get("next_time", False)
    if not isinstance(next_time, bool):
        raise _wrong(f"{where}: next_time is true or false")
    return Rule(name, kind, tuple(word.lower() for word in words), pattern, role, program, next_time)


def _text(entry: dict[str, Any], key: str, where: str) -> str:
    value = entry.get(key)
    if not isinstance(value, str) or not value:
        raise _wrong(f"{where} needs a {key}")
    return value


def _pattern(value: Any, where: str) -> re.Pattern[str] | None:
    if value is None:
        return None
    if not isinstance(value, str) or len(value) > 4000:
        raise _wrong(f"{where}: pattern is a regular expression of at most 4000 characters")
    try:
        return re.compile(value, re.IGNORECASE)
    except (re.error, OverflowError, RecursionError) as problem:
        raise _wrong(f"{where}: pattern cannot be read: {problem}") from None


def _wrong(message: str) -> LeakhuntError:
    return LeakhuntError(" ".join(message.split()), slug="log-rules")
