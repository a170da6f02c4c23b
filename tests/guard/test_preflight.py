"""A plan is held against a machine: what does not fit is unsafe, and an ordinary machine is left in peace."""

from __future__ import annotations

import machines
import pytest
from machines import GB

from leakhunt.findings.concerns import Concern, is_safe, worst_first
from leakhunt.guard.hard_limit import InForce
from leakhunt.guard.preflight import Plan, preflight

BY_GROUP = InForce("cgroup-v2", 10 * GB, "/sys/fs/cgroup/x", None)
SCOPE = "sys/fs/cgroup/user.slice/session.scope/"


def judged(
    directory, plan=None, *, hard=BY_GROUP, environment=None, free=100 * GB, total=500 * GB, **changes
):
    machine = machines.read(machines.build(directory, **changes), free=free, total=total)
    found = preflight(machine, plan or Plan(), hard, environment or {})
    return {one.slug: one.severity for one in worst_first(found)}


def test_an_ordinary_machine_raises_no_concern(tmp_path):
    assert judged(tmp_path) == {}


def test_a_plan_that_fits_raises_no_concern(tmp_path):
    plan = Plan(max_rss=16 * GB, min_available=2 * GB, workers=4, memory_per_worker=2 * GB)

    assert judged(tmp_path, plan, environment={"OMP_NUM_THREADS": "1"}) == {}


@pytest.mark.parametrize(
    ("plan", "slug"),
    [
        (Plan(max_rss=40 * GB), "bound-impossible"),
        (Plan(min_available=30 * GB), "floor-reached"),
        (Plan(max_rss=24 * GB, min_available=12 * GB), "bounds-contradict"),
        (Plan(workers=4, memory_per_worker=8 * GB), "workers-do-not-fit"),
        (Plan(workers=4, memory_per_worker=2 * GB, max_rss=6 * GB), "workers-over-bound"),
    ],
)
def test_a_plan_that_cannot_be_kept_is_unsafe(tmp_path, plan, slug):
    assert judged(tmp_path, plan, environment={"OMP_NUM_THREADS": "1"})[slug] == "unsafe"


def test_workers_that_do_not_fit_are_told_how_many_do(tmp_path):
    machine = machines.read(machines.build(tmp_path))
    plan = Plan(workers=8, memory_per_worker=7 * GB)

    (found,) = [one for one in preflight(machine, plan, None, {}) if one.slug == "workers-do-not-fit"]

    assert found.figure == "8 x 7 GB = 56.0 GB; 22.4 GB to share out"
    assert found.do == "start 3 workers"


def test_a_container_counts_and_not_its_machine(tmp_path):
    found = judged(tmp_path, Plan(max_rss=4 * GB), **{f"{SCOPE}memory.max": "2000000000\n"})

    assert found["bound-impossible"] == "unsafe"
    assert found["container-limit"] == "note"


def test_a_group_in_which_everything_is_killed_is_a_risk(tmp_path):
    assert judged(tmp_path, **{f"{SCOPE}memory.oom.group": "1\n"}) == {"kills-all": "risky"}


@pytest.mark.parametrize(
    ("changes", "concerns"),
    [
        ({"proc__pressure__memory": None}, {"no-pressure": "note"}),
        ({"dev__kmsg": None}, {"no-kernel-log": "note"}),
        ({"proc__pressure__memory": "some avg10=60.0\nfull avg10=45.0\n"}, {"memory-pressure": "risky"}),
        ({"proc__pressure__memory": "some avg10=40.0\nfull avg10=4.0\n"}, {"memory-pressure": "risky"}),
        ({"proc__sys__vm__overcommit_memory": "2\n"}, {"strict-overcommit": "risky"}),
        ({"proc__9__comm": "earlyoom\n"}, {"oom-daemon": "note"}),
        ({"proc__self__maps": "7f r-xp 0 08:01 1 /lib/ld-musl-x86_64.so.1\n"}, {"musl": "note"}),
        ({"proc__self__cgroup": None}, {"no-groups": "note"}),
    ],
    ids=lambda one: next(iter(one)),
)  # fmt: skip
def test_what_the_kernel_is_like_is_said(tmp_path, changes, concerns):
    assert judged(tmp_path, **changes) == concerns


@pytest.mark.parametrize(
    ("memory", "concern"),
    [
        ("MemAvailable: 100000 kB\nSwapTotal: 1 kB\nSwapFree: 1 kB\n", ("memory-short", "unsafe")),
        ("MemAvailable: 9000000 kB\nSwapTotal: 0 kB\nSwapFree: 0 kB\n", ("no-swap", "note")),
        ("MemAvailable: 9000000 kB\nSwapTotal: 900 kB\nSwapFree: 9 kB\n", ("swap-full", "risky")),
    ],
)  # fmt: skip
def test_memory_that_runs_short_is_said(tmp_path, memory, concern):
    assert judged(tmp_path, proc__meminfo=f"MemTotal: 32000000 kB\n{memory}") == dict([concern])


@pytest.mark.parametrize(("free", "severity"), [(5_000_000, "unsafe"), (500_000_000, "risky")])
def test_a_disk_that_is_nearly_full_is_said(tmp_path, free, severity):
    assert judged(tmp_path, free=free) == {"disk-short": severity}


def test_runs_on_a_network_file_system_are_a_risk(tmp_path):
    mounts = "22 1 0:40 / / rw - nfs4 server:/home rw\n30 22 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"

    assert judged(tmp_path, proc__self__mountinfo=mounts) == {"disk-remote": "risky"}


def test_small_shared_memory_is_a_risk_for_workers_only(tmp_path):
    plan, quiet = Plan(workers=2), {"OMP_NUM_THREADS": "1"}

    assert judged(tmp_path, free=64_000_000, total=64_000_000)["shared-memory-small"] == "note"
    found = judged(tmp_path, plan, environment=quiet, free=64_000_000, total=64_000_000)
    assert found["shared-memory-small"] == "risky"


def test_a_quota_of_processors_asks_for_a_cap_of_threads(tmp_path):
    quota = {f"{SCOPE}cpu.max": "100000 100000\n"}

    assert judged(tmp_path, **quota) == {"processor-quota": "risky"}
    assert judged(tmp_path, environment={"OMP_NUM_THREADS": "1"}, **quota) == {}


def test_a_resource_limit_below_the_plan_is_unsafe(tmp_path):
    limits = "Limit  Soft Limit  Hard Limit  Units\nMax data size             1000000000            unlimited   bytes\n"

    assert judged(tmp_path, Plan(max_rss=2 * GB), proc__self__limits=limits) == {"resource-limit": "unsafe"}


def test_more_workers_than_processors_are_a_risk(tmp_path):
    found = judged(tmp_path, Plan(workers=9, memory_per_worker=GB))

    assert found["workers-over-processors"] == "risky"
    assert found["threads-uncapped"] == "note"


def test_a_limit_that_is_only_of_resources_says_why(tmp_path):
    machine = machines.read(machines.build(tmp_path))
    hard = InForce("rlimit", GB, None, "no control group: /sys/fs/cgroup/x is mounted read-only")

    (found,) = preflight(machine, Plan(max_rss=GB), hard, {})

    assert (found.slug, found.severity) == ("no-hard-limit", "note")
    assert found.figure == "no control group: /sys/fs/cgroup/x is mounted read-only"


def test_a_machine_that_tells_nothing_is_not_called_unsafe(tmp_path):
    (tmp_path / "runs").mkdir()
    machine = machines.read(tmp_path)

    assert is_safe(preflight(machine, Plan(max_rss=4 * GB, workers=2, memory_per_worker=GB), None, {}))


def test_the_worst_comes_first():
    notes = [
        Concern(slug, severity, "", "", "")
        for slug, severity in (("a", "note"), ("b", "unsafe"), ("c", "risky"))
    ]

    assert [one.slug for one in worst_first(notes)] == ["b", "c", "a"]
