"""Text of the run made harmless, and the course of memory as a row of blocks."""

from __future__ import annotations

import math
import unicodedata

from cases import clean, hostile
from hypothesis import given, settings
from hypothesis import strategies as st

from leakhunt.report.text import drawable, in_ascii, one_line, sparkline, visible


@settings(deadline=None)
@given(st.text(st.characters(), max_size=40))
def test_visible_text_has_no_control_character_and_can_be_written(text: str) -> None:
    shown = visible(text)

    shown.encode("utf-8")
    assert all(unicodedata.category(c) not in {"Cc", "Cf", "Cs"} or c in "\n\u200c\u200d" for c in shown)


@settings(deadline=None)
@given(st.text(st.characters(), max_size=200), st.integers(8, 60))
def test_one_line_is_one_line_and_no_longer_than_asked(text: str, width: int) -> None:
    shown = one_line(text, width)

    assert len(shown) <= width
    assert len(shown.splitlines()) <= 1


@settings(deadline=None)
@given(st.text(max_size=40))
def test_ascii_is_ascii(text: str) -> None:
    assert in_ascii(text).isascii()


def test_ordinary_text_in_any_script_stays_as_it_is() -> None:
    text = "λ_curv = 3e-08 · données 結果 👩\u200d🔬"

    assert visible(text) == text
    assert one_line(text) == text


def test_a_drawable_diagnosis_keeps_what_is_harmless() -> None:
    assert drawable(clean()) == clean()


def test_a_drawable_diagnosis_has_finite_numbers_only() -> None:
    shown = drawable(hostile())

    assert shown.forecast is not None
    assert shown.forecast.seconds_to_limit is None
    assert shown.memory is not None
    assert shown.memory.bytes_per_iteration_ci is None
    assert math.isfinite(shown.memory.bytes_per_iteration or 0)


def test_a_sparkline_rises_with_memory_and_a_level_one_looks_level() -> None:
    rising = sparkline([float(i) for i in range(100)], 8)

    assert rising == "▁▂▃▄▅▆▇█"
    assert set(sparkline([100.0, 100.5, 100.2, 100.9], 4)) <= {"▁", "▂"}


def test_a_short_peak_is_not_lost_in_a_sparkline() -> None:
    assert "█" in sparkline([1.0] * 500 + [9.0] + [1.0] * 499, 20)


def test_nothing_known_draws_nothing() -> None:
    assert sparkline([None, None, 3.0], 10) == ""
