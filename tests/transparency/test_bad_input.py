"""Programs that are broken, tiny, or treat their process badly end under `leakhunt profile` as without it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

PROGRAMS = {
    "is empty": "",
    "has a syntax error": "for i in range(3):\n    print(i))\n",
    "has a null byte": "for i in range(3): print(i)\n\0\n",
    "is not utf-8": "# caf\udce9\nfor i in range(3): print(i)\n",
    "names its encoding": "# -*- coding: latin-1 -*-\nfor c in 'caf\udce9': print(ascii(c))\n",
    "exits at once": "import sys; sys.exit(3)",
    "has no loop": "print('no loop')",
    "loops over nothing": "for i in (): pass\nwhile False: pass\nprint([x for x in ()])",
    "closes its output": """
        import sys
        for i in range(50): print(i)
        sys.stdout.close()
        for i in range(50): sys.stderr.write(f'{i}\\n')
        sys.stderr.close()
        for i in range(50): sum(range(1000))""",
    "closes every descriptor": """
        import os
        os.closerange(3, 300)
        for i in range(50):
            with open(__file__) as file: assert 'closerange' in file.read(), 'another file'
            assert file.fileno is not None
        os.closerange(3, 300)
        print('done')""",
    "closes its standard streams": "import os\nfor i in range(20):\n    if i == 9: os.closerange(0, 3)\n",
    "changes directory": """
        import os, tempfile
        for i in range(20):
            folder = tempfile.mkdtemp()
            os.chdir(folder)
            os.rmdir(folder)
            print(i, os.path.exists(folder))""",
    "traces itself": """
        import sys
        seen = []
        def tracer(frame, event, argument):
            seen.append((event, frame.f_code.co_name, frame.f_lineno))
            return tracer
        def work(n):
            for i in range(n): n += i
            while n > 0:
                n -= 5
            return [x for x in range(n)]
        for k in range(3):
            sys.settrace(tracer); work(k); sys.settrace(None)
        print(seen)""",
    "leaves by os._exit": "import os\nfor i in range(9):\n    print(i, flush=True)\n    if i == 5: os._exit(7)\n",
    "freezes the collector": """
        import gc
        gc.collect(); gc.freeze(); gc.disable()
        held = []
        for i in range(200): held.append([i] * 2000)
        print(gc.isenabled(), gc.get_freeze_count() > 100)
        gc.unfreeze(); gc.enable()""",
    "becomes another program": """
        import os, sys
        for i in range(9):
            if i == 5: os.execv(sys.executable, [sys.executable, '-c', 'print("another"); raise SystemExit(4)'])""",
    "lets its child go on with the loop": """
        import os, sys
        child = None
        for i in range(40):
            if i == 7:
                child = os.fork()
            if i > 7 and child == 0: sys.stderr.write(f'child {i}\\n')
            if i > 35 and child: os.waitpid(child, 0) if i == 36 else print('parent', i)
        print('end', child == 0, flush=True)
        os._exit(0) if child == 0 else sys.exit(6)""",
    "has a child that never waits for it": """
        import os
        for i in range(10):
            if os.fork() == 0:
                for j in range(10): sum(range(1000))
                raise SystemExit(0)
        for i in range(10): print(os.waitstatus_to_exitcode(os.wait()[1]))""",
    "clears its environment": "import os\nos.environ.clear()\nfor i in range(9): print(len(os.environ))\n",
    "may open no more files": """
        import resource
        resource.setrlimit(resource.RLIMIT_NOFILE, (4, 4))
        for i in range(30): sum(range(100000))
        print('done')""",
    "may write no more files": """
        import resource
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
        for i in range(30): sum(range(100000))
        print('done')""",
    "has little address space": """
        import resource, mmap
        used = int(open('/proc/self/statm').read().split()[0]) * mmap.PAGESIZE
        resource.setrlimit(resource.RLIMIT_AS, (used + 30_000_000, ) * 2)
        held = []
        try:
            for i in range(1000): held.append(bytearray(1_000_000))
        except MemoryError: print('full', len(held) > 5)""",
    "breaks the modules it shares": """
        import json, os, time, sys, threading, struct
        def broken(*a, **k): raise RuntimeError('broken')
        for i in range(30):
            if i == 3: json.dumps = os.write = os.open = time.perf_counter = time.monotonic = broken
            if i == 4: os.getpid = os.fork = struct.pack = threading.get_ident = broken
            if i == 5: sys.modules.pop('json'); sys.modules.pop('struct')
            print(sum(range(100000)))""",
    "takes away the builtins": """
        import builtins
        def work():
            for i in (1, 2, 3): yield i
        for name in ('len', 'iter', 'next', 'map', 'open', 'isinstance', 'max', 'type', 'getattr', 'repr'):
            setattr(builtins, name, None)
        for x in work():
            for y in work(): print(x, y)""",
    "deletes itself": "import os\nos.unlink(__file__)\nfor i in range(9): print(i)\n1 / 0\n",
    "runs out of stack": """
        def down(n):
            for i in (n,): return down(i + 1)
        try: down(0)
        except RecursionError as e: print(type(e).__name__)
        print(sum(range(1000)))""",
    "exits while a thread loops": """
        import threading, time
        def spin():
            for i in iter(int, 1): time.sleep(0.001)
        threading.Thread(target=spin, daemon=True).start()
        for i in range(20): time.sleep(0.005)
        raise SystemExit('bye')""",
    "is ended by a signal": "import os, signal\nfor i in range(9): os.kill(os.getpid(), signal.SIGTERM)\n",
}

#: These keep the agent from measuring: the report says so.
DISTURBING = ("may open no more files", "takes away the builtins", "breaks the modules it shares")


def _environment() -> dict[str, str]:
    ours = ("PYTEST", "LEAKHUNT", "COV", "VIRTUAL_ENV")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return {**kept, "PYTHONDONTWRITEBYTECODE": "1", "COLUMNS": "100"}


def _leakhunt(folder: Path, *arguments: object, home: Path | None = None) -> list[str]:
    home = home if home is not None else folder / "home"
    return [
        sys.executable,
        "-m",
        "leakhunt",
        "profile",
        "--no-live",
        "--home",
        str(home),
        *map(str, arguments),
    ]


def _run(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=100,
        env=_environment(), errors="surrogateescape",
    )  # fmt: skip


def _script(folder: Path, source: str) -> Path:
    path = folder / "bad.py"
    path.write_bytes(textwrap.dedent(source).encode("utf-8", "surrogateescape"))
    return path


def _shell_code(returncode: int) -> int:
    return 128 - returncode if returncode < 0 else returncode


def _shows_nothing_of_ours(text: str) -> bool:
    return "/leakhunt/" not in text and "please report" not in text and "Error in leakhunt" not in text


@pytest.mark.parametrize("what", PROGRAMS)
def test_a_program_ends_as_without_us_when_it(what: str, tmp_path: Path) -> None:
    _script(tmp_path, PROGRAMS[what])
    plain = _run([sys.executable, "bad.py"], tmp_path)
    _script(tmp_path, PROGRAMS[what])

    followed = _run(_leakhunt(tmp_path, "bad.py"), tmp_path)

    assert followed.stdout == plain.stdout
    assert followed.returncode == _shell_code(plain.returncode)
    assert followed.stderr.startswith(plain.stderr)
    told = followed.stderr.removeprefix(plain.stderr)
    assert "Traceback" not in told, told
    assert what in DISTURBING or _shows_nothing_of_ours(told), told
    assert "leakhunt: run: " in followed.stderr, followed.stderr


@pytest.mark.parametrize("name", ["missing.py", "folder", "folder/missing.py", "unreadable\udcff.py"])
def test_what_is_no_script_is_one_line(name: str, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()

    done = _run(_leakhunt(tmp_path, name), tmp_path)

    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("leakhunt: ")
    assert done.stderr.count("\n") == 1, done.stderr


def test_ctrl_c_ends_an_endless_loop_as_in_plain_python(tmp_path: Path) -> None:
    script = _script(tmp_path, "print('go', flush=True)\nn = 0\nwhile True:\n    n += 1\n")
    ends = []
    for command in ([sys.executable, str(script)], _leakhunt(tmp_path, script)):
        process = subprocess.Popen(
            command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env=_environment(), start_new_session=True,
        )  # fmt: skip
        assert process.stdout is not None
        assert process.stdout.readline() == "go\n"
        time.sleep(0.3)
        os.killpg(process.pid, signal.SIGINT)
        _, errors = process.communicate(timeout=60)
        ends.append((_shell_code(process.returncode), errors))

    (plain_code, plain_errors), (code, errors) = ends
    assert code == plain_code == 130
    assert plain_errors.splitlines()[0] == errors.splitlines()[0] == "Traceback (most recent call last):"
    assert "KeyboardInterrupt\n" in errors
    assert _shows_nothing_of_ours(errors), errors


LONG = """
    import os, sys
    for i in range(300):
        try:
            with open(os.path.join(sys.argv[1], 'filler'), 'ab') as file: file.write(b'x' * 200_000)
        except OSError: pass
        s = sum(range(20000))
    print(s)
    sys.exit(9)
"""


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    disk = tmp_path / "small"
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=11m", "tmpfs", str(disk)]
    if shutil.which("mount") is None or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("only root can mount a small file system")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


def test_a_disk_that_fills_up_costs_records_and_not_the_program(small_disk: Path, tmp_path: Path) -> None:
    script = _script(tmp_path, LONG)

    done = _run(_leakhunt(tmp_path, script, str(small_disk), home=small_disk / "home"), tmp_path)

    assert done.stdout == f"{sum(range(20000))}\n"
    assert done.returncode == 9
    assert "Traceback" not in done.stderr
    assert _shows_nothing_of_ours(done.stderr), done.stderr


def test_a_full_disk_is_one_line(small_disk: Path, tmp_path: Path) -> None:
    (small_disk / "filler").write_bytes(bytes(5_000_000))
    script = _script(tmp_path, LONG)

    done = _run(_leakhunt(tmp_path, script, str(small_disk), home=small_disk / "home"), tmp_path)

    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("leakhunt: no room")
    assert done.stderr.count("\n") == 1, done.stderr


def test_a_run_directory_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    script = _script(tmp_path, LONG)

    done = _run(_leakhunt(tmp_path, script, home=tmp_path / "file" / "home"), tmp_path)

    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1, done.stderr
