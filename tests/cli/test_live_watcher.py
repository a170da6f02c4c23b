"""What the live display is told of a running target's loops."""

from __future__ import annotations

from leakhunt.cli.live import LiveWatcher
from leakhunt.guard.tree import TreeReading
from leakhunt.journal.position import PositionPage
from leakhunt.journal.rundir import create_run
from leakhunt.journal.writer import JournalWriter
from leakhunt.report.live import LiveDisplay

READING = TreeReading(tree_rss=10**8, main_rss=10**8, processes=1, available=None)


class Shown(LiveDisplay):
    def __init__(self):
        super().__init__(quiet=True)
        self.positions = []

    def on_position(self, positions, values=None):
        self.positions = list(positions)


def with_loop(run, loop, variables, instance):
    journal = JournalWriter(run.agent_journal(7), {"writer": "agent", "target": "target.py", "argv": []})
    journal.write("loop", loop, *loop.split(":"), variables, "for", None)
    journal.write("enter", instance, loop, None, 10, 1)
    journal.close()


def shown_of(run):
    display = Shown()
    watcher = LiveWatcher(display, "target.py")
    watcher.started(7, run)
    watcher.sampled(READING, None)
    return display.positions


def test_a_loop_that_is_not_known_yet_is_left_out(tmp_path):
    run = create_run(tmp_path, "target")
    page = PositionPage(run.position(7))
    page.enter(0, serial=1, begun=3, total=10)
    page.enter(1, serial=2, begun=1, total=2)

    assert shown_of(run) == []

    with_loop(run, "a.py:1:f", ["lam"], instance=1)
    (outer,) = shown_of(run)
    assert (outer.variables, outer.number, outer.total) == (["lam"], 3, 10)

    with_loop(run, "a.py:2:f", ["beta"], instance=2)
    assert [at.variables for at in shown_of(run)] == [["lam"], ["beta"]]
