"""Reads one log that leakhunt never wrote: what it tells by rules, when, and where it is silent.

One pass, in bounded memory. Nothing in a log is obeyed: it is text that rules are held against.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date, tzinfo
from pathlib import Path

from leakhunt.evidence.figures import Figure, available_of, figures_in, size_in, used_of
from leakhunt.evidence.kernel_kill import KernelKill
from leakhunt.evidence.kernel_lines import WORDS as KERNEL_WORDS
from leakhunt.evidence.kernel_lines import KernelLine, KillReader
from leakhunt.evidence.log_bytes import LogFile
from leakhunt.evidence.log_clock import LogClock, Moment
from leakhunt.evidence.log_gaps import Gap, GapFinder
from leakhunt.evidence.log_groups import Group, Groups
from leakhunt.evidence.log_series import AllSeries, Series
from leakhunt.evidence.log_text import LineText, text_of, without_colours
from leakhunt.evidence.rules import Rule, words_of
from leakhunt.evidence.timestamps import Stamp, StampFinder

#: A text of a happening is cut to so many characters.
TEXT = 300
_WHO = re.compile(r"\b(?:worker|process|service|task|rank|job)[ #_-]?\d{1,6}\b", re.IGNORECASE)
#: How `dmesg` writes times, and nobody else: [12.345678], [Sun Feb 15 01:23:31 2026], 2026-02-15T01:23:31,123456+00:00
_OF_THE_KERNEL = re.compile(
    rb"(?:<\d{1,3}>)?(?:\[ *\d{1,9}\.\d{3,9}\]|\[[^\]\d]{2,12}[^\]]{0,30}\d\d:\d\d:\d\d \d{4}\]"
    rb"|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d,\d{6}[+-]\d\d:\d\d )"
)
_PID = re.compile(r"\bpid[ =:#]{0,3}(\d{1,10})\b", re.IGNORECASE)
#: Of these kinds a line is about the process that wrote it.
_OF_THE_WRITER = frozenset({"brake", "error", "memory", "saved", "done"})
_COUNTS = ("count", "count2", "count3")
#: Of a progress bar that rewrites its line so many of the latest states are looked at.
_REWRITES = 50


@dataclass(slots=True)
class LogReading:
    """What one log says. `clock.wall` turns its moments into Unix seconds once its year or date is settled.

    `lines` are those of the file, `dated` those with a time of their own. `first` and `last` are the first and
    last moment, `last_text` the last dated line. `modified` is when the file was last written.
    """

    name: str
    clock: LogClock
    modified: float | None = None
    lines: int = 0
    dated: int = 0
    bytes: int = 0
    first: Moment | None = None
    last: Moment | None = None
    last_text: str = ""
    groups: list[Group] = field(default_factory=list)
    kills: list[tuple[KernelKill, Moment | None]] = field(default_factory=list)
    series: list[Series] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)
    interval: float | None = None
    swapped_dates: bool = False
    cut_lines: int = 0
    nul_bytes: int = 0
    overflow: int = 0
    broken: str | None = None

    @property
    def role(self) -> str | None:
        """Return who writes it: a "watchdog" that looks after others, a "worker", the "machine"; None unknown."""
        told: dict[str, int] = {}
        for group in self.groups:
            if group.rule.role is not None:
                told[group.rule.role] = told.get(group.rule.role, 0) + group.count
        best = max(told, key=lambda role: told[role], default=None)
        return best if best is not None and told[best] >= 2 else None


def read_log(path: str | Path, rules: tuple[Rule, ...], zone: tzinfo | None = None) -> LogReading:
    """Return what the log at `path` ("-" for standard input) says; LeakhuntError when it is no log."""
    with LogFile(path) as file:
        return _Reader(file, rules, zone).read()


class _Reader:
    def __init__(self, file: LogFile, rules: tuple[Rule, ...], zone: tzinfo | None) -> None:
        self._file = file
        self._rules = rules
        words = words_of(rules)
        self._words = tuple(word.encode() for word in (*words, *KERNEL_WORDS)) if words else ()
        self._finder = StampFinder()
        self._clock = LogClock(zone)
        self._gaps = GapFinder()
        self._groups = Groups()
        self._series = AllSeries()
        self._killer = KillReader()
        self._kernel_moments: dict[float, Moment] = {}
        self._waiting: list[Group] = []
        self._host: str | None = None
        self._prefix: bytes | None = None
        self._moment: Moment | None = None
        self._at: float | None = None
        self._stamp_end = 0
        self._reading = LogReading(file.name, self._clock, file.modified)
        self._last_line = b""

    def read(self) -> LogReading:
        reading = self._reading
        for block in self._file.blocks():
            self._block(block)
        if self._last_line:
            reading.last_text = self._text(self._last_line, self._stamp_end).text[:TEXT]
        reading.last = self._moment
        reading.groups = list(self._groups)
        reading.overflow = self._groups.overflow + self._killer.overflow
        reading.kills = [(kill, self._moment_of(kill)) for kill in self._killer.kills()]
        reading.series = self._series.close()
        reading.gaps, reading.interval = self._gaps.found(), self._gaps.interval
        reading.bytes, reading.cut_lines = self._file.bytes_read, self._file.cut_lines
        reading.nul_bytes, reading.broken = self._file.nul_bytes, self._file.broken
        return reading

    # ---- lines ---------------------------------------------------------------------------------

    def _block(self, block: bytes) -> None:
        lines = block.split(b"\n")
        if not lines[-1]:
            lines.pop()
        wanted = self._wanted(block, lines)
        position = self._reading.lines
        prefix, find = self._prefix, self._finder.find
        dated = 0
        for number, line in enumerate(lines):
            if prefix is not None and line.startswith(prefix):
                own = True  # the same second as the line before
                self._last_line = line
            else:
                if line[:1] == b"\x1b":
                    line = without_colours(line)
                stamp = find(line)
                own = stamp is not None
                if stamp is not None:
                    self._stamped(stamp, line)
                    prefix = self._prefix
            dated += own
            if number in wanted:
                self._line(line, position + number + 1, own)
        self._reading.lines += len(lines)
        self._reading.dated += dated

    def _wanted(self, block: bytes, lines: list[bytes]) -> set[int] | range:
        """Return the numbers of the lines that hold a word of a rule."""
        if not self._words:
            return range(len(lines))
        lowered = block.lower()
        starts: list[int] = []
        found: set[int] = set()
        for word in self._words:
            at = lowered.find(word)
            while at >= 0:
                starts.append(at)
                # on to the next line: one word is enough for each
                at = lowered.find(b"\n", at)
                at = lowered.find(word, at) if at >= 0 else -1
        if not starts:
            return found
        starts.sort()
        end, number = 0, -1
        upcoming = iter(starts)
        at = next(upcoming)
        for number, line in enumerate(lines):
            end += len(line) + 1
            if at < end:
                found.add(number)
                while at < end:
                    following = next(upcoming, None)
                    if following is None:
                        return found
                    at = following
        return found

    def _stamped(self, stamp: Stamp, line: bytes) -> None:
        moment = self._clock.read(stamp)
        self._prefix = line[: stamp.coarse] if stamp.coarse < 200 else None
        self._stamp_end = stamp.end
        self._last_line = line
        self._reading.swapped_dates |= stamp.swapped
        before, self._at = self._at, order_of(moment)
        if self._reading.first is None:
            self._reading.first = moment
        if self._moment is not None and before is not None:
            self._gaps.step(self._moment, moment, self._at - before)
        self._moment = moment
        if self._waiting:
            for group in self._waiting:
                group.first = group.last = moment
            self._waiting.clear()

    def _text(self, line: bytes, after: int, start: int = 0) -> LineText:
        said = text_of(
            line, after, kernel=_OF_THE_KERNEL.match(line) is not None, host=self._host, before=line[:start]
        )
        self._host = said.host or self._host
        return said

    def _line(self, line: bytes, position: int, own: bool) -> None:
        after = self._stamp_end if own else 0
        line = line.rstrip(b"\r")
        if b"\r" in line:
            first, *rewritten = line.split(b"\r")
            self._told(self._text(first, after), position, own)
            for part in rewritten[-_REWRITES:]:
                self._told(self._text(part, 0), position, own)
            return
        if own and after:
            # within a second the end of the timestamp is the same but for its fraction
            stamp = self._finder.find(line)
            if stamp is not None:
                self._told(self._text(line, stamp.end, stamp.start), position, own)
                return
        self._told(self._text(line, after), position, own)

    def _told(self, said: LineText, position: int, own: bool) -> None:
        text = said.text
        if said.program == "kernel" and self._kernel(said):
            return
        lowered = text.lower()
        for rule in self._rules:
            parts = rule.match(text, lowered, said.program)
            if parts is not None:
                if rule.kind == "ignore":
                    return
                self._happened(rule, said, parts, position, own)
                return

    def _kernel(self, said: LineText) -> bool:
        """Hand a line of the kernel on; its wall clock is known at the end, until then it is a number in order."""
        if self._at is not None and self._moment is not None:
            self._kernel_moments[self._at] = self._moment
        if not self._killer.feed(KernelLine(said.text, said.boot, self._at)):
            if self._at is not None and len(self._kernel_moments) > 10_000:
                self._kernel_moments.pop(self._at)
            return False
        return True

    def _moment_of(self, kill: KernelKill) -> Moment | None:
        return None if kill.wall is None else self._kernel_moments.get(kill.wall)

    # ---- what a line tells -------------------------------------------------------------------------

    def _happened(self, rule: Rule, said: LineText, parts: dict[str, str], position: int, own: bool) -> None:
        text = said.text[:TEXT]
        figures = _figures(said.text, parts)
        if rule.kind == "memory" and not figures:
            return
        who = parts.get("who") or _who(said.text)
        who = who.strip()[:80] if who else None
        moment = None if rule.next_time else self._moment
        group = Group(
            rule, text, position, moment, moment, who, _whose(rule, said, parts),
            _pid(parts.get("new_pid")), undated=not own, sum_=_counted(parts),
        )  # fmt: skip
        kept = self._groups.add(group, None if rule.next_time else self._at, figures)
        if rule.next_time and kept is group:
            self._waiting.append(group)
        self._measure(who or "", figures)

    def _measure(self, who: str, figures: list[Figure]) -> None:
        used, left = used_of(figures), available_of(figures)
        if used is not None:
            self._series.add(who or "used", self._moment, used)
        if left is not None:
            self._series.add(f"{who} available".strip(), self._moment, left, left=True)


def order_of(moment: Moment) -> float:
    """Return a number that orders the moments of one log and is seconds from one to the next of them."""
    if moment.wall is not None:
        return moment.wall
    if moment.boot is not None:
        return moment.boot
    if moment.partial == "date":
        return moment.day * 86_400.0 + moment.seconds
    year = moment.year + 2000 if moment.partial == "year" else moment.year
    try:
        days = date(year, moment.month, moment.day).toordinal()
    except ValueError:  # the 29th of February, in a year that is not known
        days = date(year, moment.month, 28).toordinal() + 1
    return days * 86_400.0 + moment.seconds


def _figures(text: str, parts: dict[str, str]) -> list[Figure]:
    """Return the figures that a rule names, else those that the words around them explain."""
    unit = " MiB" if "MiB" in text else ""
    named: list[Figure] = []
    for name, meaning in (("size", "used"), ("available", "available"), ("total", "total")):
        value = parts.get(name)
        if value is None:
            continue
        size = size_in(value if not value[-1:].isdigit() else value + unit)
        if size is not None:
            percent = parts.get("percent") if name == "size" else None
            named.append(Figure(size, meaning, float(percent) if percent else None))  # type: ignore[arg-type]
    return named or figures_in(text)


def _who(text: str) -> str | None:
    found = _WHO.search(text)
    return None if found is None else found[0]


def _pid(text: str | None) -> int | None:
    return int(text) if text and text.isdecimal() and len(text) <= 10 else None


def _whose(rule: Rule, said: LineText, parts: dict[str, str]) -> int | None:
    """Return the PID that a line is about: as the rule finds it, as it is written, or that of the writer."""
    if rule.pattern is not None and "pid" in rule.pattern.groupindex:
        return _pid(parts.get("pid"))
    written = None if "new_pid" in parts else _PID.search(said.text)
    if written is not None:
        return int(written[1])
    return said.pid if rule.kind in _OF_THE_WRITER else None


def _counted(parts: dict[str, str]) -> int | None:
    for name in _COUNTS:
        number = _pid(parts.get(name))
        if number is not None:
            return number
    return None
