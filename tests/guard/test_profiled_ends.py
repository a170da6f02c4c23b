"""With the agent in it, a program still ends as it would alone, and both journals agree on how."""

from __future__ import annotations

import signal
import sys

import pytest
from supervision import wait_until_gone
from test_supervising import Terminal

from leakhunt.journal.reader import read_journal

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="signals and /proc")

LOOP = """
import os, signal, sys, time
for turn in range(10_000):
    print("turn", flush=True) if turn == 3 else None
    time.sleep(0.01)
    {at_five}
"""


def agent_end(profiled) -> list[dict]:
    (path,) = profiled.run_directory.agent_journals()
    return [record.fields for record in read_journal(path).of("end")]


@pytest.mark.parametrize(
    ("at_five", "exit_code", "how"),
    [
        ("if turn == 5: break", 0, "completed"),
        ("if turn == 5: sys.exit(4)", 4, "system-exit"),
        ("if turn == 5: sys.exit('words')", 1, "system-exit"),
        ("if turn == 5: raise ValueError('bad')", 1, "exception"),
        ("if turn == 5: os._exit(3)", 3, None),
        ("if turn == 5: os.kill(os.getpid(), signal.SIGSEGV)", 139, None),
        ("if turn == 5: os.kill(os.getpid(), signal.SIGABRT)", 134, None),
    ],
)
def test_every_kind_of_end_is_passed_on(profiled, at_five, exit_code, how):
    done = profiled.run(LOOP.format(at_five=at_five))

    ends = agent_end(profiled)
    assert done.returncode == exit_code
    assert [end["how"] for end in ends] == ([how] if how else [])


def test_a_syntax_error_is_shown_by_python_itself(profiled):
    done = profiled.run("for x in range(3)\n    pass\n")

    assert done.returncode == 1
    assert "SyntaxError" in done.stderr
    assert "leakhunt" not in done.stderr.replace(str(profiled.directory), "")


def test_ctrl_c_in_a_terminal_ends_the_target_as_under_plain_python(profiled):
    terminal = Terminal(profiled, LOOP.format(at_five="pass"))
    terminal.read_until("turn")

    terminal.press_ctrl_c()

    assert terminal.process.wait(60) == 130
    assert profiled.run_directory.info()["outcome"] == "interrupted"


def test_a_target_that_ignores_sigterm_still_dies_with_its_supervisor(profiled):
    process = profiled.start(LOOP.format(at_five="signal.signal(signal.SIGTERM, signal.SIG_IGN)"))
    assert process.stdout.readline() == "turn\n"
    pid = profiled.target_pid()

    process.send_signal(signal.SIGTERM)
    process.send_signal(signal.SIGKILL)
    process.wait(30)

    assert wait_until_gone(pid)
