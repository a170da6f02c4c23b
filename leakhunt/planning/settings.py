"""Which settings there are, which of them are run, and how they reach the program: as options of its own."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path

from leakhunt.errors import LeakhuntError
from leakhunt.findings.plan import Values

#: More settings than this are a mistake in the command line.
_MOST = 10_000


def parse_vary(texts: Sequence[str]) -> dict[str, list[float]]:
    """Return option -> values, ascending, of `name=1,2,4` texts. Raises LeakhuntError."""
    found: dict[str, list[float]] = {}
    for text in texts:
        name, _, listed = text.partition("=")
        name = name.strip().lstrip("-")
        try:
            values = sorted({_number(value) for value in listed.split(",")})
        except ValueError:
            raise LeakhuntError(
                f"--vary {text!r}: write it as name=1,2,4 (numbers)", slug="plan-vary"
            ) from None
        if not name or name in found:
            raise LeakhuntError(f"--vary {text!r}: give each option once, as name=1,2,4", slug="plan-vary")
        if len(values) < 2:
            raise LeakhuntError(f"--vary {text!r}: two values at least", slug="plan-vary")
        found[name] = values
    if not found:
        raise LeakhuntError("what is to be varied? give --vary workers=1,2,4", slug="plan-vary")
    if len(grid(found, most=_MOST + 1)) > _MOST:
        raise LeakhuntError(f"more than {_MOST} settings: give fewer values", slug="plan-vary")
    return found


def _number(text: str) -> float:
    value = float(text)
    if value != value or value in (float("inf"), float("-inf")):
        raise ValueError(text)
    return value


def grid(vary: dict[str, list[float]], *, most: int = _MOST) -> list[Values]:
    """Return every combination, at most `most`."""
    combined = itertools.islice(itertools.product(*vary.values()), most)
    return [dict(zip(vary, values, strict=True)) for values in combined]


def calibrating(vary: dict[str, list[float]]) -> list[Values]:
    """Return the settings that the model is fitted to: the corners, or one high at a time with many options.

    The smallest comes first, so that what goes wrong goes wrong small.
    """
    ends = {name: [values[0], values[-1]] for name, values in vary.items()}
    if len(ends) <= 2:
        corners = grid(ends)
    else:
        low = {name: pair[0] for name, pair in ends.items()}
        high = {name: pair[1] for name, pair in ends.items()}
        corners = [low, *({**low, name: high[name]} for name in ends), high]
    return sorted(corners, key=lambda values: sum(_place(values, vary).values()))


def checking(vary: dict[str, list[float]], taken: list[Values], count: int) -> list[Values]:
    """Return `count` settings to hold the model against: those farthest from all that were run."""
    chosen: list[Values] = []
    left = [values for values in grid(vary) if values not in taken]
    while left and len(chosen) < count:
        farthest = max(
            left, key=lambda values: min(_distance(values, one, vary) for one in (*taken, *chosen))
        )
        chosen.append(farthest)
        left.remove(farthest)
    return chosen


def _place(values: Values, vary: dict[str, list[float]]) -> dict[str, float]:
    """Return where each value stands in its list, from 0 to 1."""
    return {name: listed.index(values[name]) / (len(listed) - 1) for name, listed in vary.items()}


def _distance(one: Values, other: Values, vary: dict[str, list[float]]) -> float:
    mine, theirs = _place(one, vary), _place(other, vary)
    return sum((mine[name] - theirs[name]) ** 2 for name in vary)


def as_options(values: Values, script: Path) -> list[str]:
    """Return a setting as the program's own options: `--max-in-flight 4`.

    An underscore becomes a dash, as is usual, unless the script spells the option with underscores.
    """
    try:
        source = script.read_text(encoding="utf-8", errors="replace")
    except OSError:
        source = ""
    options = []
    for name, value in values.items():
        dashed = name.replace("_", "-")
        spelled = f"--{name}" if f"--{name}" in source and f"--{dashed}" not in source else f"--{dashed}"
        options += [spelled, as_text(value)]
    return options


def as_text(value: float) -> str:
    """Return a value as the user wrote it: 4, not 4.0."""
    return str(int(value)) if value == int(value) else str(value)


def in_words(values: Values) -> str:
    """Return a setting as "workers 2, max_in_flight 4"."""
    return ", ".join(f"{name} {as_text(value)}" for name, value in values.items())
