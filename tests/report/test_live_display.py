"""The live display: a panel where it disturbs nobody, rare plain lines elsewhere, silence when asked."""

from __future__ import annotations

import io
import re
import subprocess
import sys

import pytest
from rich.cells import cell_len

from leakhunt.findings.diagnosis import Position
from leakhunt.report.live import LiveDisplay, progress_line

LAM = Position("sweep.py:41:main", ["lam"], ["3e-08"], 7, 10)
BETA = Position("sweep.py:47:main", ["beta"], ["3.3"], 8, 9)


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Broken(io.StringIO):
    def write(self, text: str) -> int:
        raise BrokenPipeError("reader is gone")


@pytest.fixture
def clock() -> Clock:
    return Clock()


def lines(stream: io.StringIO) -> list[str]:
    return stream.getvalue().splitlines()


def test_a_pipe_gets_a_line_now_and_then(clock: Clock) -> None:
    stream = io.StringIO()
    live = LiveDisplay(stream=stream, every=10, clock=clock)
    live.on_start("sweep.py")
    for second in range(25):
        clock.now = 100.0 + second
        live.on_position([LAM, BETA])
        live.on_memory(7_500_000_000 + second * 10**8, 9_000_000_000, 2e6, 2880)

    assert lines(stream)[0] == "leakhunt: following sweep.py"
    assert len(lines(stream)) == 3
    assert lines(stream)[2].startswith("leakhunt: 20 s: lam = 3e-08 (7/10)")
    assert lines(stream)[2].endswith("(peak 9 GB), +120 MB per minute, limit in 48 min")


def test_nothing_is_said_twice(clock: Clock) -> None:
    stream = io.StringIO()
    live = LiveDisplay(stream=stream, every=10, clock=clock)
    for _ in range(5):
        clock.now += 20
        live.on_position([LAM])

    assert len(lines(stream)) == 1


def test_a_note_comes_at_once_and_on_one_line(clock: Clock) -> None:
    stream = io.StringIO()
    live = LiveDisplay(stream=stream, clock=clock)

    live.on_note("limit is near\nnow \x1b[31m")

    assert lines(stream) == ["leakhunt: limit is near\\nnow \\x1b[31m"]


def test_quiet_is_silent(clock: Clock) -> None:
    stream = Terminal()
    live = LiveDisplay(stream=stream, quiet=True, target_shares_terminal=False, every=0, clock=clock)
    live.on_start("x.py")
    live.on_position([LAM])
    live.on_memory(1, 2)
    live.on_note("note")
    live.close()

    assert stream.getvalue() == ""


def test_a_terminal_of_its_own_gets_a_panel_that_goes_away(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    stream = Terminal()
    with LiveDisplay(stream=stream, target_shares_terminal=False, clock=clock) as live:
        live.on_start("sweep.py")
        clock.now += 1
        live.on_position([LAM, BETA])
        clock.now += 1
        live.on_memory(7_500_000_000, 9_000_000_000, 2e6, 2880)
        live.on_note("a note above it")
        drawn = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", stream.getvalue())

    for part in (
        "leakhunt  sweep.py",
        "lam = 3e-08 (7/10)",
        "60%",
        "7.5 GB (peak 9 GB)",
        "48 min",
        "a note above",
    ):
        assert part in drawn
    assert stream.getvalue().rstrip().endswith("\x1b[2K")
    assert stream.getvalue().count("\x1b[?25l") == stream.getvalue().count("\x1b[?25h") == 1


def test_a_terminal_that_the_target_writes_to_gets_lines(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")

    assert LiveDisplay(stream=Terminal(), target_shares_terminal=True, clock=clock).mode == "lines"
    assert LiveDisplay(stream=Terminal(), target_shares_terminal=False, clock=clock).mode == "panel"


def test_a_terminal_without_unicode_gets_ascii_lines(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="latin-1")
    stream.isatty = lambda: True  # type: ignore[method-assign]
    live = LiveDisplay(stream=stream, target_shares_terminal=False, every=0, clock=clock)

    live.on_position([LAM, BETA])

    assert raw.getvalue() == b"leakhunt: 0 s: lam = 3e-08 (7/10) > beta = 3.3 (8/9)\n"


def test_a_dumb_terminal_gets_lines(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")

    assert LiveDisplay(stream=Terminal(), target_shares_terminal=False, clock=clock).mode == "lines"


@pytest.mark.parametrize("shares", [True, False])
def test_a_display_that_cannot_write_falls_silent(
    shares: bool, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    stream = Broken()
    stream.isatty = lambda: True  # type: ignore[method-assign]
    live = LiveDisplay(stream=stream, target_shares_terminal=shares, every=0, clock=clock)

    live.on_start("x.py")
    clock.now += 1
    live.on_position([LAM])
    live.on_note("note")

    assert live.mode == "off"
    live.close()


def test_newer_values_of_the_innermost_loop_are_shown(clock: Clock) -> None:
    stream = io.StringIO()
    live = LiveDisplay(stream=stream, every=0, clock=clock)

    live.on_position([LAM, BETA], values=[3.4])

    assert "lam = 3e-08 (7/10)" in stream.getvalue()
    assert "beta = 3.4 (8/9)" in stream.getvalue()


def test_what_is_not_known_is_left_out() -> None:
    assert progress_line([], None, None, None, None) == ""
    assert progress_line([], 5_000_000, None, None, None) == "5 MB"


class Below:
    def __init__(self, width: int = 100, free: bool = True) -> None:
        self.width, self.free = width, free
        self.shown: list[list[str]] = []
        self.notes: list[str] = []

    def show(self, lines: list[str]) -> None:
        self.shown.append([re.sub(r"\x1b\[[0-9;]*m", "", line) for line in lines])

    def note(self, text: str) -> None:
        self.notes.append(text)


def display_below(below: Below, clock: Clock) -> LiveDisplay:
    live = LiveDisplay(stream=Terminal(), target_shares_terminal=True, below=below, clock=clock)
    live.on_start("sweep.py")
    clock.now += 72
    return live


def test_below_the_output_stand_a_title_two_rows_of_loops_and_memory(clock: Clock) -> None:
    below = Below()
    live = display_below(below, clock)
    live.on_position([LAM, BETA, Position("sweep.py:50:main", ["step"], None, 2, 4)])
    clock.now += 1
    live.on_memory(7_500_000_000, 9_000_000_000, 2e6, 2880)
    live.on_note("a note\n")
    live.close()

    title, outer, inner, memory = below.shown[-2]
    assert title.startswith("── leakhunt  sweep.py ──")
    assert title.endswith(" 1 min 13 s ──")
    assert re.fullmatch(r"lam = 3e-08 \(7/10\) +[━╸╺]{24} +60%", outer.rstrip())
    assert inner.startswith("beta = 3.3 (8/9) \u203a step (2/4)")
    assert inner.rstrip().endswith("25%")
    assert memory == "7.5 GB (peak 9 GB), +120 MB per minute, limit in 48 min"
    assert below.shown[-1] == []
    assert below.notes == ["leakhunt: a note\\n"]


@pytest.mark.parametrize("width", [20, 45, 80])
def test_lines_below_the_output_never_wrap(width: int, clock: Clock) -> None:
    below = Below(width)
    live = display_below(below, clock)
    live.on_position([LAM, Position("sweep.py:47:main", ["名前" * 30], ["x" * 200], 8, 9)])
    clock.now += 1
    live.on_memory(7_500_000_000, 9_000_000_000, 2e6, 2880)

    assert len(below.shown[-1]) == 4
    assert all(cell_len(line) < width for line in below.shown[-1])


def test_nothing_is_drawn_where_it_would_not_be_seen(clock: Clock) -> None:
    below = Below(free=False)
    live = display_below(below, clock)
    live.on_memory(7_500_000_000, 9_000_000_000)
    below.free = True
    clock.now += 1
    live.on_memory(7_500_000_000, 9_000_000_000)

    assert len(below.shown) == 1


def test_plain_lines_do_without_rich() -> None:
    code = (
        "import sys; from leakhunt.report.live import LiveDisplay; live = LiveDisplay(every=0);"
        "live.on_start('x'); live.on_memory(5, 6); live.close();"
        "print([name for name in sys.modules if name == 'rich'])"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"
    assert done.stderr.splitlines() == ["leakhunt: following x", "leakhunt: 0 s: 5 B (peak 6 B)"]
