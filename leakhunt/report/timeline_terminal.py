"""The crash timeline in a terminal: the cause first, then the story, the memory table, root causes, the plan."""

from __future__ import annotations

from typing import TextIO

from rich.console import Console
from rich.text import Text

from leakhunt.findings.timeline import Timeline
from leakhunt.report import timeline_wording as wording
from leakhunt.report.console import PlainConsole, silence
from leakhunt.report.phrase import Code
from leakhunt.report.screen import Screen
from leakhunt.report.text import SENTENCE, drawable, one_line, sparkline
from leakhunt.units import format_bytes, format_count

_COLOURS = {
    "proven": "bold white on red",
    "probable": "bold black on yellow",
    "unknown": "bold black on white",
}
_FINE = "bold white on green"
_EVENTS, _FILES, _ATTEMPTS, _SERIES = 60, 6, 12, 6
_SPARK = 60


def print_timeline(
    timeline: Timeline,
    *,
    file: TextIO | None = None,
    width: int | None = None,
    console: Console | None = None,
) -> None:
    """Print the story on `file`, standard output by default; a reader that goes away ends it and nothing else."""
    console = console or PlainConsole(file, width)
    try:
        _Story(console, width).tell(drawable(timeline))
        console.file.flush()
    except BrokenPipeError:
        silence(console.file)


def timeline_text(timeline: Timeline, *, width: int = 110) -> str:
    """Return the story as plain text, as it is written to a file."""
    console = Console(width=width, highlight=False, color_system=None, force_terminal=False)
    with console.capture() as capture:
        _Story(console, width, ascii_only=False).tell(drawable(timeline))
    return capture.get()


class _Story(Screen):
    """Prints the parts of one timeline."""

    def tell(self, timeline: Timeline) -> None:
        self._answer(timeline)
        self._course(timeline)
        self._events(timeline)
        self._attempts(timeline)
        self._table(timeline)
        self._files(timeline)
        self._causes(timeline)
        self._plan(timeline)
        self._losses(timeline)

    def _answer(self, timeline: Timeline) -> None:
        fine = timeline.running or wording.is_fine(timeline)
        colour = _FINE if fine else _COLOURS.get(timeline.death.certainty, _COLOURS["unknown"])
        sure = wording.certainty(timeline)
        lead = Text.assemble((f" {wording.label(timeline)} ", colour), f" {sure}  " if sure else "  ")
        self.print(self.text(wording.headline(timeline)), lead=lead)
        indent = Text("  ")
        if ending := wording.ending(timeline):
            self.print(self.text(ending), lead=indent)
        for proof in timeline.death.proof:
            self.print(self.text((one_line(proof, SENTENCE),)), lead=self.text(("  • ",)))
        self.print(Text())
        for label, phrase in wording.fact_rows(timeline):
            self.row(label, phrase)

    def _course(self, timeline: Timeline) -> None:
        spark = sparkline([point.rss for point in timeline.course], min(_SPARK, self.width - 14))
        if spark:
            self.row("Course", (spark,))
        for one in timeline.series[:_SERIES]:
            sizes = [size for _, size in one.points]
            if spark := sparkline(sizes, min(_SPARK, self.width - 14)):
                low, high = format_bytes(min(sizes)), format_bytes(max(sizes))
                self.row("Course", (f"{spark}  {one_line(one.name, 40)}, {low} to {high}",))

    def _events(self, timeline: Timeline) -> None:
        events = timeline.events
        if not events:
            return
        self.rule("What happened")
        widest = max(len(wording.event_time(event, timeline)) for event in events)
        head = _EVENTS // 3
        cut = len(events) - _EVENTS
        for at, event in enumerate(events):
            if cut > 0 and at == head:
                left = f"{format_count(cut)} events more: see --html or --json"
                self.print(self.text((left,)), lead=Text(" " * (widest + 4)))
            if cut > 0 and head <= at < head + cut:
                continue
            sign = wording.SIGNS.get(event.kind, "!" if event.kind in wording.LOUD else "·")
            style = "bold red" if event.kind in wording.LOUD else ""
            time = Text(f" {wording.event_time(event, timeline):<{widest}} ", style="dim")
            text = self.text((wording.event_text(event, timeline),))
            text.stylize(style)
            self.print(text, lead=time.append_text(self.text((f"{sign} ",))))

    def _attempts(self, timeline: Timeline) -> None:
        if len(timeline.attempts) < 2:
            return
        self.rule(f"Attempts: {len(timeline.attempts)}")
        hidden = len(timeline.attempts) - _ATTEMPTS
        if hidden > 0:
            self.bullet(f"{hidden} earlier ones: see --json")
        for one in timeline.attempts[-_ATTEMPTS:]:
            self.bullet(wording.attempt_line(one, timeline))

    def _table(self, timeline: Timeline) -> None:
        if not timeline.iterations:
            return
        self.rule("Memory of each turn of the outer loop")
        rows = [wording.row_cells(row, timeline) for row in wording.shown_rows(timeline.iterations)]
        self._columns([wording.TABLE_HEAD, *rows], left=2)
        if said := wording.left_out(timeline.iterations):
            self.bullet(said)

    def _files(self, timeline: Timeline) -> None:
        kept = timeline.kept
        if kept is None or not kept.files or wording.is_fine(timeline):
            return
        self.rule("Files that were written")
        self._columns(
            [wording.FILE_HEAD, *(wording.file_cells(one, timeline) for one in kept.files[:_FILES])], left=1
        )
        if len(kept.files) > _FILES:
            self.bullet(f"and {len(kept.files) - _FILES} more")

    def _columns(self, rows: list[tuple[str, ...]], left: int) -> None:
        """Print a table whose first `left` columns are text and whose others are figures."""
        widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))]
        spare = self.width - sum(widths) - 2 * len(widths)
        for at in range(left):
            if spare < 0:
                cut = min(-spare, max(0, widths[at] - 16))
                widths[at] -= cut
                spare += cut
        for number, row in enumerate(rows):
            cells = [
                one_line(cell, width).ljust(width) if at < left else cell.rjust(width)
                for at, (cell, width) in enumerate(zip(row, widths, strict=True))
            ]
            text = self.text(("  ".join(cells),))
            if number == 0:
                text.stylize("dim")
            self.console.print(
                Text(" ").append_text(text), no_wrap=True, crop=False, overflow="ignore", soft_wrap=True
            )

    def _causes(self, timeline: Timeline) -> None:
        if not timeline.causes:
            return
        self.rule("Root causes")
        for number, cause in enumerate(timeline.causes, start=1):
            self.print(self.text(wording.cause_phrase(cause)), lead=Text(f" {number}. "))
            for evidence in cause.evidence:
                self.print(self.text((Code(one_line(evidence, SENTENCE)),)), lead=self.text(("    • ",)))

    def _plan(self, timeline: Timeline) -> None:
        if not timeline.plan:
            return
        self.rule("What to do")
        for number, step in enumerate(timeline.plan, start=1):
            self.print(self.text(wording.step_phrase(step)), lead=Text(f" {number}. "))
            self.code(step.code or "")
            if step.command:
                # not wrapped: it is there to be copied
                shown = Text("    $ ").append_text(self.text((Code(one_line(step.command)),)))
                self.console.print(shown, no_wrap=True, crop=False, overflow="ignore", soft_wrap=True)
            if peak := wording.peak_line(step):
                self.print(self.text((peak,)), lead=Text("    "))

    def _losses(self, timeline: Timeline) -> None:
        if not timeline.losses:
            return
        self.print(Text())
        for at, loss in enumerate(timeline.losses):
            times = (
                f" ({format_count(loss.count)} times)"
                if loss.count and loss.count > 1 and str(loss.count) not in loss.what
                else ""
            )
            self.row("Not seen" if at == 0 else "", (one_line(loss.what, SENTENCE) + times,))
