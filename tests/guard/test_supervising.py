"""A supervised program runs, prints and ends as it would alone, and its end is told truly."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import time

import pytest
from supervision import is_running, wait_until_gone

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="signals and /proc")


@pytest.mark.parametrize(
    ("code", "exit_code", "outcome"),
    [
        ("pass", 0, "completed"),
        ("import sys; sys.exit(7)", 7, "failed"),
        ("import sys; sys.exit('no data')", 1, "failed"),
        ("raise ValueError", 1, "failed"),
        ("def broken(:", 1, "failed"),
        ("import os; os._exit(9)", 9, "failed"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", 139, "killed"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", 137, "killed"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGTERM)", 143, "killed"),
        ("raise KeyboardInterrupt", 130, "interrupted"),
    ],
)
def test_the_targets_end_is_passed_on_and_named(supervised, code, exit_code, outcome):
    done = supervised.run(code)

    info = supervised.run_directory.info()
    (end,) = supervised.journal.of("exit")
    assert done.returncode == exit_code
    assert info["outcome"] == outcome
    if exit_code < 128:
        assert (end.fields["exit_code"], end.fields["signal"]) == (exit_code, None)
    else:
        assert end.fields["exit_code"] is None
        assert end.fields["signal"] == signal.Signals(exit_code - 128).name


def test_streams_arguments_and_directory_are_the_targets_own(supervised, tmp_path):
    code = """
    import os, sys
    print(sys.argv[1:], os.getcwd(), sys.stdin.read())
    print("trouble", file=sys.stderr)
    """

    done = supervised.run(code, "--home", "x y", "-m", input="fed", cwd=tmp_path)

    assert done.stdout == f"['--home', 'x y', '-m'] {tmp_path} fed\n"
    assert done.stderr == "trouble\n"


def test_the_target_gets_the_signal_mask_and_descriptors_it_would_have_alone(supervised):
    code = """
    import os, signal
    print(sorted(signal.pthread_sigmask(signal.SIG_BLOCK, [])))
    print(sorted(map(int, os.listdir("/proc/self/fd"))))
    print(signal.getsignal(signal.SIGINT) is signal.default_int_handler)
    print(os.getpgrp() == os.getpgid(os.getppid()))
    """
    python, *_, script = supervised.command(code)
    alone = subprocess.run([python, script], capture_output=True, text=True)

    assert supervised.run(code).stdout == alone.stdout


def test_memory_and_processes_are_seen_from_outside(supervised):
    code = """
    import subprocess, sys, time
    held = bytearray(b"x") * 60_000_000
    child = "import time; held = bytearray(b'x') * 30_000_000; time.sleep(0.7)"
    subprocess.run([sys.executable, "-c", child])
    """

    supervised.run(code)

    journal = supervised.journal
    main, child = (r.fields for r in journal.of("process") if r.fields["alive"])
    (end,) = journal.of("exit")
    assert main["role"] == "main"
    assert child["role"] == "subprocess"
    assert child["ppid"] == main["pid"]
    assert max(r.fields["tree_rss"] for r in journal.of("tree")) > 95_000_000
    assert end.fields["peak_rss"] > 95_000_000
    assert max(r.fields["processes"] for r in journal.of("tree")) == 2
    assert {r.fields["pid"] for r in journal.of("process") if not r.fields["alive"]} == {
        main["pid"],
        child["pid"],
    }
    assert all(r.fields["available"] > 0 for r in journal.of("tree"))
    (limits,) = journal.of("limits")
    assert limits.fields["limit"] > 0
    assert limits.fields["source"] in {"host", "cgroup", "rlimit"}
    assert journal.losses == []


def test_pool_workers_are_told_from_other_children(supervised):
    code = """
    import multiprocessing, os, time

    def work(_):
        time.sleep(0.5)

    if __name__ == "__main__":
        with multiprocessing.get_context("spawn").Pool(2) as pool:
            pool.map(work, [1, 2], 1)
        if os.fork() == 0:
            time.sleep(0.5)
            os._exit(0)
        os.wait()
    """

    supervised.run(code)

    roles = list({r.fields["pid"]: r.fields["role"] for r in supervised.journal.of("process")}.values())
    assert roles.count("spawn-pool-worker") >= 2
    assert roles.count("fork-child") == 1


WAITS = """
import signal, time
try:
    print("ready", flush=True)
    time.sleep(60)
except KeyboardInterrupt:
    print("cleaned up", flush=True)
    raise
"""
STUBBORN = """
import signal, sys, time
caught = []
for number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(number, lambda number, frame: print(signal.Signals(number).name, flush=True))
print("ready", flush=True)
while True:
    time.sleep(0.01)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_to_the_supervisor_reaches_the_target(supervised, number):
    process = supervised.start(WAITS)
    assert process.stdout.readline() == "ready\n"

    process.send_signal(number)

    assert process.wait(30) == 128 + number
    (seen,) = supervised.journal.of("signal")
    assert (seen.fields["name"], seen.fields["forwarded"]) == (number.name, True)
    (end,) = supervised.journal.of("exit")
    assert end.fields["signal"] == number.name


def test_a_target_that_ends_well_on_sigterm_ends_well(supervised):
    process = supervised.start(
        "import signal, sys, time\nsignal.signal(signal.SIGTERM, lambda *_: sys.exit(3))\n"
        "print('ready', flush=True)\ntime.sleep(60)"
    )
    process.stdout.readline()

    process.terminate()

    assert process.wait(30) == 3
    assert supervised.run_directory.info()["outcome"] == "failed"


class Terminal:
    """A terminal in front of a supervised target."""

    def __init__(self, supervised, code):
        self.master, slave = os.openpty()

        def take_terminal():
            os.setsid()
            import fcntl
            import termios

            fcntl.ioctl(0, termios.TIOCSCTTY, 0)

        self.process = supervised.start(
            code, stdin=slave, stdout=slave, stderr=slave, preexec_fn=take_terminal
        )
        os.close(slave)
        self.text = ""

    def read_until(self, wanted: str) -> None:
        deadline = time.monotonic() + 60
        while wanted not in self.text:
            assert time.monotonic() < deadline, self.text
            try:
                self.text += os.read(self.master, 1_000).decode()
            except OSError:
                break
        assert wanted in self.text

    def press_ctrl_c(self) -> None:
        os.write(self.master, b"\x03")


def test_one_ctrl_c_is_the_targets_own_business(supervised):
    terminal = Terminal(supervised, WAITS)
    terminal.read_until("ready")

    terminal.press_ctrl_c()
    terminal.read_until("cleaned up")

    assert terminal.process.wait(30) == 130
    (seen,) = supervised.journal.of("signal")
    assert (seen.fields["name"], seen.fields["forwarded"]) == ("SIGINT", False)
    assert supervised.run_directory.info()["outcome"] == "interrupted"


def test_a_target_may_survive_ctrl_c(supervised):
    terminal = Terminal(supervised, WAITS.replace("raise", "time.sleep(0.2); raise SystemExit(0)"))
    terminal.read_until("ready")

    terminal.press_ctrl_c()

    assert terminal.process.wait(30) == 0
    assert supervised.run_directory.info()["outcome"] == "completed"


def test_only_a_third_ctrl_c_kills_a_target_that_ignores_everything(supervised):
    terminal = Terminal(supervised, STUBBORN)
    pid = supervised.target_pid()
    terminal.read_until("ready")

    terminal.press_ctrl_c()
    supervised.wait_for("signal", 1)  # two that come at once count as one
    terminal.read_until("SIGINT")
    terminal.text = ""
    terminal.press_ctrl_c()
    terminal.read_until("a third Ctrl-C kills it")
    terminal.read_until("SIGTERM")
    assert is_running(pid)
    terminal.press_ctrl_c()

    assert terminal.process.wait(30) == 137
    assert not is_running(pid)
    assert [r.fields["name"] for r in supervised.journal.of("signal")] == ["SIGINT"] * 3


def test_the_target_does_not_outlive_a_killed_supervisor(supervised):
    process = supervised.start(STUBBORN)
    process.stdout.readline()
    pid = supervised.target_pid()

    process.kill()
    process.wait()

    assert wait_until_gone(pid)
    assert supervised.journal.of("exit") == []
    assert "outcome" not in supervised.run_directory.info()


def test_the_run_directory_is_private(supervised):
    supervised.run("pass")

    run = supervised.run_directory
    assert stat.S_IMODE(run.path.stat().st_mode) == 0o700
    for path in (run.supervisor_journal, run.agent_config, run.run_file):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_run_directory_that_vanishes_does_not_end_the_target(supervised):
    code = """
    import os, shutil, sys, time
    shutil.rmtree(os.path.dirname(os.environ["LEAKHUNT_AGENT"]))
    time.sleep(0.4)
    print("done")
    sys.exit(5)
    """

    done = supervised.run(code)

    assert done.stdout == "done\n"
    assert done.returncode == 5


@pytest.mark.parametrize(
    ("name", "message"),
    [("missing.py", "no such script"), ("directory", "is a directory"), ("a\0b", "cannot read")],
)
def test_a_target_that_cannot_be_run_is_one_line_and_no_run(supervised, tmp_path, name, message):
    from leakhunt.errors import LeakhuntError
    from leakhunt.guard.target import ProfileOptions, find_target

    (tmp_path / "directory").mkdir()

    with pytest.raises(LeakhuntError, match=message) as caught:
        find_target(ProfileOptions(target=str(tmp_path / name)))

    assert caught.value.exit_code == 2
    assert "\n" not in str(caught.value)
