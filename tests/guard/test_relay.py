"""A target that shares the terminal with the live display writes, asks and ends as it would alone."""

from __future__ import annotations

import os
import sys
import time

import pytest
from supervision import wait_until_gone
from terminals import ERASED, Terminal

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="pseudo-terminals and /proc")


@pytest.fixture
def terminal(tmp_path):
    opened = Terminal(tmp_path)
    yield opened
    opened.close()


def test_output_comes_whole_and_the_panel_stands_below_it_and_goes(terminal):
    terminal.start("""
        import sys, time
        for turn in range(5):
            print("turn", turn)
            print("trouble", turn, file=sys.stderr)
            time.sleep(0.8)
        sys.exit(3)
    """)

    assert terminal.finish() == 3
    assert terminal.output == b"".join(b"turn %d\ntrouble %d\n" % (turn, turn) for turn in range(5))
    assert terminal.panels
    assert "leakhunt  target.py" in terminal.panels[0]
    assert " MB (peak " in terminal.panels[0]
    drawn_last = terminal.seen.rindex(b"leakhunt  target.py")
    assert drawn_last < terminal.seen.rindex(ERASED) < terminal.seen.index(b"THE REPORT")


def test_the_whole_command_shows_the_loops_and_reports_after_the_output(terminal):
    terminal.start("""
        import os, time
        for lam in [0.5, 0.25, 0.125]:
            print("lam", lam)
            for _ in range(100):
                time.sleep(0.01)
    """, whole=True)  # fmt: skip

    assert terminal.finish() == 0
    assert any("lam = 0.25 (2/3)" in panel and "33%" in panel for panel in terminal.panels)
    assert terminal.output.startswith(b"lam 0.5\nlam 0.25\nlam 0.125\n")
    assert b"leakhunt: run: " in terminal.seen.partition(b"lam 0.125\n")[2]


def test_the_panel_stays_while_lines_come(terminal):
    terminal.start("""
        import os, time
        while not os.path.exists("go"):
            time.sleep(0.01)
        for turn in range(20):
            print("turn", end=" ", flush=True)
            print(turn)
            time.sleep(0.06)
    """)
    terminal.wait_for(b"leakhunt  target.py")
    (terminal.directory / "go").touch()

    terminal.finish()
    assert b"\n\x1bD" in terminal.seen.partition(b"turn 0")[2].partition(b"turn 19")[0]


def test_a_prompt_is_asked_and_answered(terminal):
    terminal.start("""
        import os, time
        while not os.path.exists("go"):
            time.sleep(0.01)
        name = input("name? ")
        print("hello", name)
    """)
    terminal.wait_for(b"leakhunt  target.py")
    (terminal.directory / "go").touch()
    terminal.wait_for(b"name? ")
    panels = len(terminal.panels)
    time.sleep(0.8)
    terminal.press(b"Bo\n")

    assert terminal.finish() == 0
    assert terminal.output == b"name? Bo\nhello Bo\n"
    assert panels == len(terminal.panels) >= 1


def test_a_progress_bar_is_left_alone(terminal):
    terminal.start(r"""
        import sys, time
        for turn in range(12):
            sys.stderr.write(f"\r{turn * 10:3}% |{'#' * turn:12}|")
            sys.stderr.flush()
            time.sleep(0.1)
        sys.stderr.write("\n")
    """)

    terminal.finish()
    bar = b"".join(b"\r%3d%% |%s|" % (turn * 10, b"#" * turn + b" " * (12 - turn)) for turn in range(12))
    assert bar + b"\n" in terminal.seen
    assert terminal.output == bar + b"\n"


def test_five_megabytes_pass_intact(terminal):
    terminal.start(r"""
        import os
        line = bytes(range(32, 127)) + b"\xff\x00\x1b[31m\xc3\xa9\t\x1b[0m\n"
        data = b"".join(b"%06d" % at + line for at in range(47_000))
        while data:
            data = data[os.write(1, data[:100_000]):]
    """)

    assert terminal.finish() == 0
    line = bytes(range(32, 127)) + b"\xff\x00\x1b[31m\xc3\xa9\t\x1b[0m\n"
    expected = b"".join(b"%06d" % at + line for at in range(47_000))
    assert len(expected) > 5_000_000
    assert terminal.output == expected


def test_the_target_sees_a_terminal_of_the_same_size_and_follows_it(terminal):
    terminal.start("""
        import os, signal, sys
        print(os.isatty(0), os.isatty(1), os.isatty(2), os.get_terminal_size(1), os.get_terminal_size(2))
        sizes = [os.get_terminal_size(1)]
        def changed(number, frame):
            if os.get_terminal_size(1) != sizes[-1]:
                sizes.append(os.get_terminal_size(1))
        signal.signal(signal.SIGWINCH, changed)
        print("ready")
        while len(sizes) < 2:
            signal.pause()
        print("now", *sizes[-1])
    """)
    terminal.wait_for(b"ready")
    terminal.resize(30, 77)

    assert terminal.finish() == 0
    size = b"os.terminal_size(columns=100, lines=24)"
    assert terminal.output == b"True True True " + size + b" " + size + b"\nready\nnow 77 30\n"


def test_what_is_redirected_goes_where_it_went(terminal):
    terminal.start("""
        import os, sys, time
        print(os.isatty(1), os.isatty(2))
        print("here", os.isatty(2), file=sys.stderr)
        time.sleep(1)
    """, shell="exec {} > out")  # fmt: skip

    assert terminal.finish() == 0
    assert (terminal.directory / "out").read_text() == "False True\n"
    assert b"here True\n" in terminal.output
    assert b"\x1bD" not in terminal.seen


def test_a_dumb_terminal_gets_plain_lines(terminal):
    terminal.start("import os, time; print(os.ttyname(0) == os.ttyname(1)); time.sleep(1.5)", term="dumb")

    assert terminal.finish() == 0
    assert b"True\n" in terminal.output
    assert b"leakhunt: following target.py\n" in terminal.output
    assert b"\x1b" not in terminal.seen
    assert b"without rich" in terminal.report


def test_a_target_that_leaves_no_room_for_a_panel_costs_no_rich(terminal):
    terminal.start("import time; print('...', end='', flush=True); time.sleep(1.5)")

    assert terminal.finish() == 0
    assert terminal.panels == []
    assert b"without rich" in terminal.report


def test_ctrl_c_is_the_targets(terminal):
    terminal.start("""
        import sys, time
        try:
            print("ready")
            time.sleep(60)
        except KeyboardInterrupt:
            print("putting away")
            sys.exit(5)
    """)
    terminal.wait_for(b"leakhunt  target.py")
    terminal.press(b"\x03")

    assert terminal.finish() == 5
    assert terminal.output == b"ready\n^Cputting away\n"


def test_ctrl_c_ends_an_unprepared_target_as_under_python(terminal):
    terminal.start("import time\nprint('ready')\ntime.sleep(60)")
    terminal.wait_for(b"ready")
    terminal.press(b"\x03")

    assert terminal.finish() == 130
    assert b"KeyboardInterrupt" in terminal.output


def test_the_second_ctrl_c_is_answered_and_the_third_kills(terminal):
    terminal.start("""
        import signal, time
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        print("ready")
        while True:
            time.sleep(1)
    """)
    terminal.wait_for(b"ready\n")
    terminal.press(b"\x03")
    time.sleep(0.2)
    terminal.press(b"\x03")
    terminal.wait_for(b"leakhunt: the target is still running: a third Ctrl-C kills it\n")
    terminal.press(b"\x03")

    assert terminal.finish() == 137
    assert b"leakhunt: killing the target\n" in terminal.output


def test_ctrl_z_takes_the_panel_away_and_fg_goes_on(terminal):
    terminal.start("""
        import time
        print("ready")
        for turn in range(40):
            time.sleep(0.05)
        print("done")
    """, shell="set -m; {}; echo stopped; fg >/dev/null; echo over")  # fmt: skip
    terminal.wait_for(b"leakhunt  target.py")
    terminal.press(b"\x1a")
    terminal.wait_for(b"stopped")
    before, _, _ = terminal.seen.rpartition(b"stopped")
    terminal.wait_for(b"THE REPORT")

    assert terminal.finish() == 0
    assert before.rindex(ERASED) > before.rindex(b"leakhunt  target.py")
    assert b"done\n" in terminal.output


def test_in_the_background_there_is_output_but_no_panel(terminal):
    terminal.start("""
        import time
        print("ready")
        time.sleep(1.2)
        print("done")
    """, shell="set -m; {} & wait")  # fmt: skip

    assert terminal.finish() == 0
    assert terminal.output == b"ready\ndone\n"
    assert terminal.panels == []


def test_a_child_that_is_left_behind_hangs_nothing_and_can_still_write(terminal):
    terminal.start("""
        import subprocess, sys
        child = "import os, time; print(os.getpid(), flush=True); time.sleep(2.5); print('still here')"
        subprocess.Popen([sys.executable, "-c", child]); print("left")
    """, shell="{}; echo over; sleep 60")  # fmt: skip
    terminal.wait_for(b"over\n")
    assert b"still here" not in terminal.seen

    terminal.wait_for(b"still here\n")
    assert b"left\n" in terminal.output


def test_the_target_ends_with_a_supervisor_that_is_killed(terminal):
    terminal.start("import os, time\nprint('pid', os.getpid(), 'end')\ntime.sleep(60)")
    terminal.wait_for(b" end\n")
    pid = int(terminal.output.split()[1])
    os.kill(terminal.process.pid, 9)

    assert terminal.finish() == -9
    assert wait_until_gone(pid)


def test_modes_that_the_target_sets_on_its_output_reach_the_real_terminal(terminal):
    terminal.start("""
        import sys, termios, time
        modes = termios.tcgetattr(1)
        modes[3] &= ~(termios.ECHO | termios.ICANON)
        termios.tcsetattr(1, termios.TCSANOW, modes)
        print("key?", flush=True)
        print("got", sys.stdin.read(1))
        modes[3] |= termios.ECHO | termios.ICANON
        termios.tcsetattr(1, termios.TCSANOW, modes)
        print("line?")
        print("got", input())
    """)
    terminal.wait_for(b"key?\n")
    terminal.press(b"q")
    terminal.wait_for(b"line?\n")
    terminal.press(b"shown\n")

    assert terminal.finish() == 0
    assert terminal.output == b"key?\ngot q\nline?\nshown\ngot shown\n"


def test_a_pager_that_reads_keys_from_its_output_terminal_gets_them(terminal):
    terminal.start("""
        import subprocess, sys
        pager = '''if 1:
            import os, termios
            keys = os.open(os.ttyname(2), os.O_RDONLY)
            before = termios.tcgetattr(keys)
            raw = [*before[:3], before[3] & ~(termios.ICANON | termios.ECHO), *before[4:]]
            raw[1] |= termios.OPOST
            termios.tcsetattr(keys, termios.TCSADRAIN, raw)
            os.write(1, b"more?")
            key = os.read(keys, 1)
            termios.tcsetattr(keys, termios.TCSADRAIN, before)
            os.write(1, b" got " + key + bytes([10]))
        '''
        subprocess.run([sys.executable, "-c", pager], check=True)
        print("name?")
        print("got", input())
    """)
    terminal.wait_for(b"more?")
    terminal.press(b"q")
    terminal.wait_for(b"name?\n")
    terminal.press(b"Bo\n")

    assert terminal.finish() == 0
    assert terminal.output == b"more? got q\nname?\nBo\ngot Bo\n"
