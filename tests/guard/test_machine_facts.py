"""A machine is read from text files below a root: any machine can be described, and what is missing is None."""

from __future__ import annotations

import machines
from machines import GB

SCOPE = "sys/fs/cgroup/user.slice/session.scope/"


def test_an_ordinary_machine_is_read_whole(tmp_path):
    machine = machines.read(machines.build(tmp_path))

    assert (machine.memory_total, machine.memory_available) == (32_768_000_000, 24_576_000_000)
    assert (machine.processors, machine.processors_installed) == (4, 4)
    assert [group.path.name for group in machine.groups] == ["session.scope", "user.slice", "cgroup"]
    assert machine.pressure is not None
    assert machine.kernel_log
    assert machine.run_storage.kind == "ext4"
    assert machine.shared_memory.kind == "tmpfs"
    assert machine.limits["Max open files"] == 1024
    assert machine.limits["Max data size"] is None
    assert machine.limiting_group is None


def test_the_lowest_limit_of_nested_groups_is_the_capacity(tmp_path):
    root = machines.build(
        tmp_path,
        **{
            f"{SCOPE}memory.max": "8000000000\n",
            f"{SCOPE}memory.current": "3000000000\n",
            f"{SCOPE}memory.stat": "inactive_file 1000000000\n",
            "sys/fs/cgroup/user.slice/memory.max": "4000000000\n",
            "sys/fs/cgroup/user.slice/memory.current": "3500000000\n",
        },
    )
    machine = machines.read(root)

    assert machine.capacity == 4 * GB
    assert machine.room == GB // 2
    assert machine.limiting_group is not None
    assert machine.limiting_group.path.name == "user.slice"
    assert machine.groups[0].used == 2 * GB  # without what the kernel takes back by itself


def test_groups_of_version_one_are_read(tmp_path):
    root = machines.build(
        tmp_path,
        proc__self__cgroup="4:memory:/job\n5:cpu,cpuacct:/job\n0::/\n",
        proc__self__mountinfo="22 1 8:1 / / rw - ext4 /dev/vda rw\n"
        "30 22 0:26 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
        "31 22 0:27 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu,cpuacct\n",
        **{
            "sys/fs/cgroup/memory/job/memory.limit_in_bytes": "2000000000\n",
            "sys/fs/cgroup/memory/job/memory.usage_in_bytes": "500000000\n",
            "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
            "sys/fs/cgroup/cpu/job/cpu.cfs_quota_us": "150000\n",
            "sys/fs/cgroup/cpu/job/cpu.cfs_period_us": "100000\n",
        },
    )
    machine = machines.read(root)

    assert [(group.version, group.limit) for group in machine.groups] == [(1, 2 * GB), (1, None)]
    assert machine.processors == 2  # a quota of 1.5, rounded up


def test_a_processor_quota_of_version_two_counts(tmp_path):
    root = machines.build(tmp_path, **{f"{SCOPE}cpu.max": "200000 100000\n"})

    machine = machines.read(root)

    assert (machine.processors, machine.processors_installed) == (2, 4)


def test_a_machine_that_tells_nothing_is_unknown_and_not_zero(tmp_path):
    (tmp_path / "runs").mkdir()
    machine = machines.read(tmp_path)

    assert machine.memory_total is None
    assert machine.room is None
    assert machine.capacity is None
    assert machine.groups == ()
    assert machine.processors is None
    assert machine.pressure is None
    assert machine.overcommit is None
    assert not machine.kernel_log


def test_a_program_that_kills_for_memory_is_noticed(tmp_path):
    root = machines.build(tmp_path, proc__42__comm="earlyoom\n", proc__43__comm="systemd-oomd\n")

    assert machines.read(root).oom_daemons == ("earlyoom", "systemd-oomd")


def test_musl_is_told_from_glibc_by_what_is_mapped(tmp_path):
    root = machines.build(tmp_path, proc__self__maps="7f00 r-xp 0 08:01 1 /lib/ld-musl-x86_64.so.1\n")

    assert machines.read(root).libc == ("musl", "")


def test_this_machine_can_be_read(tmp_path):
    from leakhunt.machine import read_machine

    machine = read_machine(tmp_path)

    assert machine.memory_total is not None
    assert machine.processors is not None
    assert machine.processors >= 1
    assert machine.run_storage.free is not None
