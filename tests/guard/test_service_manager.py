"""systemd is told the truth: ready when started, alive only from a loop that turns, nothing without a socket."""

import os
import signal
import socket
import subprocess
import sys
import time

import psutil
import pytest

from leakhunt.guard.service import ServiceManager


@pytest.fixture
def manager(tmp_path):
    """A service manager's end of the socket: `heard()` returns the messages so far."""
    path = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
        end.bind(path)
        end.settimeout(30)
        yield path, end


def heard(end, wanted, seconds=30):
    """Return the messages up to the first that contains `wanted`."""
    messages = []
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            messages.append(end.recv(4096).decode())
        except TimeoutError:
            break
        if wanted in messages[-1]:
            return messages
    raise AssertionError(f"never heard {wanted!r}, but {messages}")


def drain(end):
    """Throw away what was said so far."""
    end.setblocking(False)
    try:
        while True:
            end.recv(4096)
    except BlockingIOError:
        pass
    finally:
        end.settimeout(30)


def wait_until_stopped(pid):
    deadline = time.monotonic() + 30
    while psutil.Process(pid).status() != psutil.STATUS_STOPPED:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def supervisor(tmp_path, path, program, *options, watchdog="2000000"):
    (tmp_path / "program.py").write_text(program)
    command = [sys.executable, "-m", "leakhunt", "run", "--home", "home", *options, "program.py"]
    environment = {**os.environ, "NOTIFY_SOCKET": path, "WATCHDOG_USEC": watchdog}
    return subprocess.Popen(
        command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def test_a_supervisor_says_that_it_is_ready_alive_and_at_its_end(tmp_path, manager):
    path, end = manager
    program = (
        "import os, time\n"
        "print(os.environ.get('NOTIFY_SOCKET'), flush=True)\n"
        "while not os.path.exists('enough'): time.sleep(0.05)"
    )
    run = supervisor(tmp_path, path, program)
    first = heard(end, "WATCHDOG=1")
    heard(end, "WATCHDOG=1")
    (tmp_path / "enough").touch()
    heard(end, "STOPPING=1")
    output, _ = run.communicate(timeout=30)

    assert output == "None\n"  # the program does not speak for its supervisor
    assert first[0].startswith("READY=1\nSTATUS=1 of 1 running")


def test_a_supervisor_that_is_stuck_is_not_called_alive(tmp_path, manager):
    path, end = manager
    run = supervisor(tmp_path, path, "import time; time.sleep(600)")
    try:
        heard(end, "WATCHDOG=1")
        os.kill(run.pid, signal.SIGSTOP)
        wait_until_stopped(run.pid)
        drain(end)
        end.settimeout(2)  # twice as long as it keeps silent while it turns
        with pytest.raises(TimeoutError):
            end.recv(4096)
        os.kill(run.pid, signal.SIGCONT)
        end.settimeout(30)
        heard(end, "WATCHDOG=1")
    finally:
        run.kill()
        run.communicate()


def test_a_stop_asks_for_the_time_that_the_program_has(tmp_path, manager):
    path, end = manager
    program = (
        "import signal, time; signal.signal(15, lambda *_: None)\nprint('up', flush=True)\ntime.sleep(600)"
    )
    run = supervisor(tmp_path, path, program, "--grace", "90s")
    try:
        assert run.stdout.readline() == "up\n"
        run.send_signal(signal.SIGTERM)
        heard(end, "EXTEND_TIMEOUT_USEC=100000000")
    finally:
        run.kill()
        run.communicate()


def test_waiting_before_another_attempt_is_being_alive(tmp_path, manager):
    path, end = manager
    run = supervisor(tmp_path, path, "import os; os.kill(os.getpid(), 9)", "--restarts", "2")
    messages = heard(end, "STOPPING=1", seconds=60)
    run.communicate(timeout=30)

    assert run.returncode == 78
    assert sum("WATCHDOG=1" in one for one in messages) >= 2  # in the 3 s of waiting


def test_nothing_is_said_where_nobody_listens(tmp_path):
    service = ServiceManager.of({"NOTIFY_SOCKET": str(tmp_path / "nobody"), "WATCHDOG_USEC": "1000"})

    service.ready("up")
    service.alive("still up")
    service.stopping("down")


def test_a_watchdog_that_is_for_another_process_is_not_fed():
    environment = {"NOTIFY_SOCKET": "@leakhunt-test", "WATCHDOG_USEC": "1000000", "WATCHDOG_PID": "1"}

    assert ServiceManager.of(environment).interval is None
    assert environment == {}  # children do not speak for us


def test_alive_is_said_twice_as_often_as_it_is_waited_for(manager):
    path, end = manager
    service = ServiceManager.of({"NOTIFY_SOCKET": path, "WATCHDOG_USEC": "600000000"})
    service.alive("turn 1")
    service.alive("turn 2")

    assert service.interval == 300
    assert end.recv(4096).decode() == "WATCHDOG=1\nSTATUS=turn 1"
    end.setblocking(False)
    with pytest.raises(BlockingIOError):
        end.recv(4096)
