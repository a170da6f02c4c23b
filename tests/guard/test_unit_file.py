"""The systemd unit of a guarded run is the one that was accepted, quotes what it must, and replaces nothing unasked."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from leakhunt.errors import LeakhuntError
from leakhunt.guard.unit_file import unit_directory, unit_name, unit_text, write_unit

GOLDEN = Path(__file__).parents[1] / "golden" / "night-sweep.service"


def written(*words, directory=Path("/home/ada/sweep"), **options):
    command = ["/opt/tools/bin/python", "-m", "leakhunt", "run", *words]
    return unit_text(
        "night-sweep.service", " ".join(words), command, directory, grace_seconds=120.0, **options
    )


def install(tmp_path, *words, script="pass"):
    (tmp_path / "sweep.py").write_text(script)
    environment = {**os.environ, "XDG_CONFIG_HOME": str(tmp_path / "config")}
    command = [sys.executable, "-m", "leakhunt", "install-unit", *words]
    return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60)


def test_the_unit_is_the_accepted_one(accept):
    text = written("--max-rss", "8G", "--restarts", "5", "sweep.py", "--quick")

    if accept:
        GOLDEN.write_text(text)
    assert text == GOLDEN.read_text()


def test_systemd_has_nothing_against_the_unit(tmp_path):
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd is not installed here")
    unit = tmp_path / "night-sweep.service"
    text = written("sweep.py", 'a "b" $c %d', directory=tmp_path).replace(
        "/opt/tools/bin/python", sys.executable
    )
    unit.write_text(text)

    done = subprocess.run(["systemd-analyze", "verify", str(unit)], capture_output=True, text=True)

    said = [line for line in done.stderr.splitlines() if unit.name in line and "Unknown key" not in line]
    assert (done.returncode, said) == (0, [])  # an older one does not know all keys, and goes without


@pytest.mark.parametrize(
    ("word", "quoted"),
    [("plain-1.5", "plain-1.5"), ("two words", '"two words"'), ("50%", "50%%"), ("$HOME", "$$HOME"),
     ('say "x"', '"say \\"x\\""'), (";", '";"'), ("", '""'), ("back\\slash", '"back\\\\slash"')],
)  # fmt: skip
def test_words_reach_the_program_as_they_were_given(word, quoted):
    assert f"leakhunt run sweep.py {quoted}\n" in written("sweep.py", word)


def test_a_word_that_no_unit_can_hold_is_refused():
    with pytest.raises(LeakhuntError, match="has a line break"):
        written("sweep.py", "two\nlines")


def test_a_unit_to_start_on_failure_is_named():
    assert "OnFailure=mail@%n.service\n" in written("sweep.py", alert="mail@%n.service")


def test_a_users_units_lie_where_systemd_looks_for_them():
    assert unit_directory({"HOME": "/home/ada"}) == Path("/home/ada/.config/systemd/user")
    assert unit_directory({"HOME": "/home/ada", "XDG_CONFIG_HOME": "/c"}) == Path("/c/systemd/user")


@pytest.mark.parametrize("name", ["a/b", "", ".hidden", "two words", "x.timer", "a" * 300])
def test_a_name_that_is_none_is_refused(name):
    with pytest.raises(LeakhuntError, match="cannot name a unit"):
        unit_name(name)


def test_a_unit_that_says_something_else_is_replaced_only_when_asked(tmp_path):
    path = tmp_path / "units" / "x.service"
    write_unit(path, "one\n", force=False)
    write_unit(path, "one\n", force=False)  # the same again

    with pytest.raises(LeakhuntError, match="--force replaces it"):
        write_unit(path, "two\n", force=False)
    assert path.read_text() == "one\n"
    write_unit(path, "two\n", force=True)
    assert path.read_text() == "two\n"
    assert [one.name for one in path.parent.iterdir()] == ["x.service"]


def test_a_unit_is_installed_and_how_to_start_it_is_said(tmp_path):
    done = install(tmp_path, "night", "--", "--max-rss", "1G", "--grace", "60s", "sweep.py", "--own", "x")

    text = (tmp_path / "config/systemd/user/night.service").read_text()
    assert done.returncode == 0
    assert "-m leakhunt run --max-rss 1G --grace 60s sweep.py --own x\n" in text
    assert f"WorkingDirectory={tmp_path}\n" in text
    assert "TimeoutStopSec=90\n" in text
    assert "systemctl --user daemon-reload && systemctl --user enable --now night.service" in done.stderr
    assert "loginctl enable-linger" in done.stderr


def test_a_dry_run_prints_the_unit_and_writes_nothing(tmp_path):
    done = install(tmp_path, "night", "--dry-run", "--", "sweep.py")

    assert done.stdout.startswith("# night.service, written by `leakhunt install-unit`.\n[Unit]\n")
    assert not (tmp_path / "config").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["night"], "what is to be run?"),
        (["night", "--", "--max-rss", "8X", "sweep.py"], "not a size: '8X'"),
        (["night", "--", "other.py"], "no such script: other.py"),
        (["ni/ght", "--", "sweep.py"], "'ni/ght' cannot name a unit"),
        (["night", "--", "--max-rss", "1G"], "what is to be run?"),
    ],
)
def test_a_unit_that_could_not_start_is_not_written(tmp_path, words, said):
    done = install(tmp_path, *words)

    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert not (tmp_path / "config").exists()
