"""The brake holds a unit back while memory is short, and no longer."""

import subprocess
import sys

import pytest

from leakhunt.errors import LeakhuntError
from leakhunt.protect.brake import Brake, MemoryBrake, MemoryYield, check_memory
from leakhunt.protect.headroom import Headroom, HeadroomReader

GB = 10**9


class Readings:
    """A machine of 100 GB that has the given gigabytes available, one after the other."""

    def __init__(self, *gigabytes):
        self.left = list(gigabytes)

    def read(self):
        return Headroom(int(self.left.pop(0) * GB), 100 * GB, "host")


def braked(*gigabytes, grown=10, **options):
    """Check the brake until the readings are used up; say what each check did.

    The process has taken `grown` gigabytes since its first check.
    """
    options.setdefault("min_available", 2 * GB)
    resident = iter([1 * GB])
    options["resident"] = lambda: next(resident, int((1 + grown) * GB))
    readings, given_back = Readings(*gigabytes), []
    brake = Brake(reader=readings, give_back=lambda: given_back.append("collected"), **options)
    told = []
    while readings.left:
        given_back.clear()
        try:
            brake.check("unit")
            told.append(*given_back or ["ran"])
        except MemoryBrake:
            told.append("braked")
        except MemoryYield as end:
            told.append(f"yielded {end.code}")
    return told


def test_a_unit_runs_while_there_is_memory():
    assert braked(10, 5, 2) == ["ran", "ran", "ran"]


def test_memory_that_can_be_given_back_does_not_brake():
    assert braked(1, 3, 5) == ["collected", "ran"]


def test_short_memory_brakes_after_it_was_collected_and_measured_again():
    assert braked(1, 1.5) == ["braked"]


def test_a_brake_is_not_let_go_at_the_limit_that_put_it_on():
    assert braked(1, 1, 2.1, 2.1, 2.6) == ["braked", "braked", "ran"]


def test_the_third_brake_in_a_row_ends_the_process_with_75():
    assert braked(1, 1, 1, 1, 1, 1) == ["braked", "braked", "yielded 75"]


def test_brakes_count_only_in_a_row():
    assert braked(1, 1, 1, 1, 5, 1, 1, 1, 1) == ["braked", "braked", "ran", "braked", "braked"]


def test_it_can_be_told_never_to_end_the_process():
    assert braked(*[1] * 10, give_up_after=None) == ["braked"] * 5


def test_a_process_that_holds_nothing_of_it_waits_and_does_not_end_in_vain():
    assert braked(*[1] * 12, grown=0.1) == ["braked"] * 6


def test_one_of_many_that_share_the_blame_ends():
    assert braked(*[1] * 6, grown=0.2) == ["braked", "braked", "yielded 75"]


def test_by_default_it_keeps_eight_percent_free():
    assert braked(8, 7.9, 7.9, min_available=None) == ["ran", "braked"]


def test_an_unknown_headroom_brakes_nothing(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "psutil", None)

    assert Brake(2 * GB, reader=HeadroomReader(tmp_path)).check() == Headroom(None, None, None)


def test_the_nested_control_group_counts(tmp_path):
    group = tmp_path / "groups" / "job"
    group.mkdir(parents=True)
    (tmp_path / "self").mkdir()
    (tmp_path / "meminfo").write_text("MemTotal: 32000000 kB\nMemAvailable: 16000000 kB\n")
    (tmp_path / "self" / "cgroup").write_text("0::/job\n")
    (tmp_path / "self" / "mountinfo").write_text(f"1 1 0:1 / {tmp_path / 'groups'} rw - cgroup2 cgroup2 rw\n")
    (group / "memory.max").write_text("4000000\n")
    (group / "memory.current").write_text("3000000\n")
    (group / "memory.stat").write_text("inactive_file 500000\n")

    assert HeadroomReader(tmp_path).read() == Headroom(1_500_000, 4_000_000, "cgroup")


def test_what_is_said_names_the_unit_and_the_sizes():
    with pytest.raises(MemoryBrake) as caught:
        Brake("2GB", reader=Readings(1, 1), give_back=lambda: None).check("trial 42 split 3/5")

    assert str(caught.value) == "before trial 42 split 3/5: 1 GB available, 2 GB needed (1 in a row)"


def test_a_limit_beyond_the_machine_is_said_and_brakes_nothing():
    with pytest.raises(
        LeakhuntError, match=r"min_available 101 GB is more than there is here \(100 GB\): lower it"
    ):
        Brake("101GB", reader=Readings(1)).check()


def test_check_memory_ends_a_process_that_brakes_three_times():
    program = """
import leakhunt
from leakhunt.protect.headroom import Headroom, HeadroomReader
leakhunt.check_memory("unit", min_available=1)
held = bytearray(b"x") * 50_000_000
HeadroomReader.read = lambda self: Headroom(100_000_000, 500_000_000, "host")
for attempt in range(9):
    try:
        leakhunt.check_memory("unit", min_available="200MB")
    except leakhunt.MemoryBrake:
        print("deferred", flush=True)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)

    assert (done.stdout, done.stderr, done.returncode) == ("deferred\ndeferred\n", "", 75)


def test_a_limit_that_is_no_size_is_said():
    with pytest.raises(LeakhuntError, match="not a size: 'lots'"):
        check_memory(min_available="lots")
