"""Suspects are watched for a whole turn of the loop whose censuses named them."""

import sys
from pathlib import Path
from types import SimpleNamespace

from leakhunt.capture.suspects import SuspectWatch
from leakhunt.census.format import Suspect, save_suspects

KEPT = []


class Journal:
    def __init__(self):
        self.written = []

    def write(self, kind, *fields):
        self.written.append((kind, *fields))


def level(name, parent=None):
    return SimpleNamespace(site=SimpleNamespace(id=name), parent=parent, completed=10)


def watch_in(tmp_path):
    (tmp_path / "checkpoints").mkdir()
    root = {"kind": "module", "label": __name__}
    suspect = Suspect("KEPT", "KEPT", "list", root, [".KEPT"], 3, 1.0)
    save_suspects([suspect], str(tmp_path / "checkpoints/0003.json.suspects.json"))
    journal = Journal()
    return journal, SuspectWatch(journal, str(Path(__file__).parent), "/nowhere/")


def test_the_window_stays_open_over_the_turns_of_an_inner_loop(tmp_path):
    journal, watch = watch_in(tmp_path)
    outer = level("outer")
    inner = level("inner", outer)
    unrelated = level("another task's")

    watch.open_window(outer, ["checkpoints/0003.json"], tmp_path)
    for instance in (inner, inner, unrelated):
        watch.close_window(instance)
    line = sys._getframe().f_lineno + 1
    KEPT.append(1)
    outer.completed += 1
    watch.close_window(outer)

    assert [(record[0], record[3]) for record in journal.written] == [("insertion", line)]


def test_a_loop_without_censuses_of_its_own_opens_no_window(tmp_path):
    _, watch = watch_in(tmp_path)

    watch.open_window(level("inner", level("outer")), [], tmp_path)

    assert watch.windows == 0


def test_the_end_of_an_outer_loop_ends_the_window(tmp_path):
    journal, watch = watch_in(tmp_path)
    outermost = level("outermost")
    loop = level("loop", outermost)

    watch.open_window(loop, ["checkpoints/0003.json"], tmp_path)
    watch.close_window(outermost)
    KEPT.append(2)
    watch.close_window(loop)

    assert watch.windows == 1
    assert journal.written == []
    assert sys.gettrace() is None


def test_our_own_source_is_not_the_users_even_where_it_lies_in_the_project(tmp_path):
    watch = SuspectWatch(Journal(), str(tmp_path), str(tmp_path / "leakhunt") + "/")

    assert watch.is_user_file(str(tmp_path / "job.py"))
    assert not watch.is_user_file(str(tmp_path / "leakhunt" / "capture" / "agent.py"))
