"""Every renderer draws every diagnosis that the types allow, however odd its numbers and texts."""

from __future__ import annotations

import io
import os
import types
import typing
from dataclasses import is_dataclass
from itertools import count
from math import isfinite
from typing import Any
from unittest import mock

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from leakhunt.findings import diagnosis as said
from leakhunt.report.html_body import report_body
from leakhunt.report.json_report import from_json, to_json
from leakhunt.report.live import LiveDisplay
from leakhunt.report.markdown import render_markdown
from leakhunt.report.terminal import print_report, report_text
from leakhunt.report.text import drawable
from leakhunt.report.wording import limit_line

TEXT = st.one_of(
    st.text(st.characters(), max_size=12),
    st.sampled_from(
        ["", " ", "\n", "x" * 300, "a/b.py", "<b>", "|", "`", "\x1b[2J", "\udcff", "\u202e", "#", "-", "\n\n"]
    ),
)
WHOLE = st.one_of(st.integers(-2, 10), st.sampled_from([10**6, 10**9, 10**15, 10**30, -(10**12)]))
NUMBER = st.one_of(st.floats(), st.sampled_from([0.0, -0.0, 1e-300, 1e308, 0.5, 3.0, -7.0]))


def values(kind: Any) -> st.SearchStrategy[Any]:
    """Every value of a type of the diagnosis, its fields with a default too."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        # Only what may be unknown may be no number.
        return st.one_of(*(NUMBER if argument is float else values(argument) for argument in arguments))
    if origin is typing.Literal:
        return st.sampled_from(arguments)
    if kind == list[float]:
        return st.lists(NUMBER, max_size=3)
    if origin is list:
        return st.lists(values(arguments[0]), max_size=3)
    if origin is tuple:
        return st.tuples(*(values(argument) for argument in arguments))
    if is_dataclass(kind):
        hints = typing.get_type_hints(kind)
        return st.builds(kind, **{name: values(hint) for name, hint in hints.items() if name != "format"})
    finite = NUMBER.filter(isfinite)
    return {str: TEXT, int: WHOLE, float: finite, bool: st.booleans(), type(None): st.none()}[kind]


DIAGNOSES = values(said.Diagnosis)


@settings(deadline=None, max_examples=60, suppress_health_check=list(HealthCheck))
@given(DIAGNOSES, st.sampled_from([60, 100, 200]))
def test_every_renderer_draws_it(diagnosis: said.Diagnosis, width: int) -> None:
    lines = report_text(diagnosis, width=width).splitlines()
    ascii_stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    print_report(diagnosis, file=ascii_stream, width=width)
    body = report_body(drawable(diagnosis))
    markdown = render_markdown(diagnosis)

    assert lines
    assert [line for line in lines if cell_len(line) > width] == []
    (body + markdown).encode("utf-8")


@settings(deadline=None, max_examples=60, suppress_health_check=list(HealthCheck))
@given(DIAGNOSES)
def test_its_json_can_be_read_back(diagnosis: said.Diagnosis) -> None:
    text = to_json(diagnosis)

    again = from_json(text)

    assert to_json(again) == text


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@settings(deadline=None, max_examples=60, suppress_health_check=list(HealthCheck))
@given(
    st.lists(values(said.Position), max_size=3), st.tuples(*[st.one_of(st.none(), NUMBER)] * 4), st.booleans()
)
def test_the_live_display_shows_any_position_and_memory(
    positions: list[said.Position], memory: Any, shared: bool
) -> None:
    stream = Terminal()
    with (
        mock.patch.dict(os.environ, TERM="xterm"),
        LiveDisplay(stream=stream, every=0, target_shares_terminal=shared, clock=count().__next__) as live,
    ):
        live.on_position(positions)
        live.on_memory(*memory)
        live.on_memory(*memory)

        assert live.mode == ("lines" if shared else "panel")
    assert not shared or all(line.startswith("leakhunt: ") for line in stream.getvalue().split("\n") if line)


def test_more_iterations_than_can_be_rounded_are_said_all_the_same():
    forecast = said.Forecast(limit=10**9, seconds_to_limit=None, iterations_to_limit=1.797e308, source="host")
    line = limit_line(mock.Mock(forecast=forecast))

    assert line is not None
    assert "reached in about" in "".join(map(str, line))
