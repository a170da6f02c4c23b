"""Lines of the out-of-memory killer as kernels from 2.6 to 6.x write them, and what they say.

Described after the format strings of mm/oom_kill.c and mm/memcontrol.c over the years. Each case is (kernel,
lines, what the kill must be); `kB` of a kernel are 1024 bytes.
"""

from __future__ import annotations

from typing import Any

K = 1024
GROUP = "/docker/34186d9bd07706222bd427bb647ceed81e8e108eb653ff73c7137099fca1cab6"

CASES: list[tuple[str, list[str], dict[str, Any]]] = [
    (
        "2.6.9",
        ["Out of Memory: Killed process 8127 (oracle)."],
        {"pid": 8127, "comm": "oracle", "scope": "machine", "anon_rss": None},
    ),
    (
        "2.6.18",
        [
            "Out of memory: kill process 2419 (httpd) score 56732 or a child",
            "Killed process 2420 (httpd)",
        ],
        {"pid": 2420, "comm": "httpd"},
    ),
    (
        "2.6.28",
        ["Out of memory: kill process 612 (python) score 9127 or sacrifice child", "Killed process 612 (python)"],
        {"pid": 612, "comm": "python", "scope": "machine", "oom_score": 9127},
    ),
    (
        "2.6.32 of an enterprise distribution",
        [
            "Out of memory: Kill process 215701 (java) score 854 or sacrifice child",
            "Killed process 215701, UID 679, (java) total-vm:11017300kB, anon-rss:7152432kB, file-rss:1232kB",
        ],
        {
            "pid": 215701, "comm": "java", "uid": 679, "scope": "machine", "total_vm": 11017300 * K,
            "anon_rss": 7152432 * K, "file_rss": 1232 * K, "shmem_rss": None,
        },
    ),
    (
        "2.6.36",
        [
            "Out of memory: Kill process 2592 (oom-test) score 961 or sacrifice child",
            "Killed process 2592 (oom-test) total-vm:2052944kB, anon-rss:1938640kB, file-rss:4kB",
        ],
        {"pid": 2592, "anon_rss": 1938640 * K, "oom_score": 961, "scope": "machine"},
    ),
    (
        "3.10, in a group, the child is sacrificed",
        [
            f"Task in {GROUP} killed as a result of limit of {GROUP}",
            "memory: usage 204800kB, limit 204800kB, failcnt 4563",
            "Memory cgroup out of memory: Kill process 31766 (sh) score 1001 or sacrifice child",
            "Killed process 31767 (python3) total-vm:262232kB, anon-rss:200876kB, file-rss:4096kB",
        ],
        {"pid": 31767, "comm": "python3", "scope": "group", "task_group": GROUP, "limit_group": GROUP},
    ),
    (
        "4.4",
        [
            "Task in /1037/uid killed as a result of limit of /1037",
            "Memory cgroup out of memory: Kill process 2188 (mysqld) score 913 or sacrifice child",
            "Killed process 2188 (mysqld) total-vm:3330016kB, anon-rss:864176kB, file-rss:8072kB",
        ],
        {"pid": 2188, "scope": "group", "task_group": "/1037/uid", "limit_group": "/1037"},
    ),
    (
        "4.9, with shared memory and a reaper",
        [
            "Out of memory: Kill process 9181 (python) score 873 or sacrifice child",
            "Killed process 9181 (python) total-vm:31457280kB, anon-rss:29411000kB, file-rss:0kB, shmem-rss:64kB",
            "oom_reaper: reaped process 9181 (python), now anon-rss:0kB, file-rss:0kB, shmem-rss:64kB",
        ],
        {"pid": 9181, "shmem_rss": 64 * K, "scope": "machine", "resident": (29411000 + 64) * K},
    ),
    (
        "4.19",
        [
            f"Task in {GROUP} killed as a result of limit of {GROUP}",
            "Memory cgroup out of memory: Kill process 4711 (train.py) score 1985 or sacrifice child",
            "Killed process 4711 (train.py) total-vm:987654kB, anon-rss:123456kB, file-rss:78kB, shmem-rss:9kB",
        ],
        {"pid": 4711, "comm": "train.py", "task_group": GROUP, "oom_score": 1985},
    ),
    (
        "5.0",
        [
            "oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,oom_memcg=/leaker,"
            "task_memcg=/leaker,task=leaker,pid=23793,uid=0",
            "Memory cgroup out of memory: Killed process 23793 (leaker) total-vm:2623712kB, anon-rss:506500kB, "
            "file-rss:1268kB, shmem-rss:0kB",
            "oom_reaper: reaped process 23793 (leaker), now anon-rss:0kB, file-rss:0kB, shmem-rss:0kB",
        ],
        {"pid": 23793, "scope": "group", "constraint": "memcg", "limit_group": "/leaker", "uid": 0},
    ),
    (
        "5.4, the whole machine",
        [
            "oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=/,mems_allowed=0,global_oom,"
            "task_memcg=/user.slice/user-1000.slice/session-2.scope,task=python,pid=99234,uid=1000",
            "Out of memory: Killed process 99234 (python) total-vm:34359738kB, anon-rss:31000000kB, "
            "file-rss:2048kB, shmem-rss:0kB, UID:1000 pgtables:61440kB oom_score_adj:0",
        ],
        {
            "pid": 99234, "scope": "machine", "uid": 1000, "page_tables": 61440 * K, "oom_score_adj": 0,
            "task_group": "/user.slice/user-1000.slice/session-2.scope", "limit_group": None,
        },
    ),
    (
        "5.15, a cpuset",
        [
            "oom-kill:constraint=CONSTRAINT_CPUSET,nodemask=(null),cpuset=batch,mems_allowed=1,global_oom,"
            "task_memcg=/,task=solver,pid=51,uid=0",
            "Out of memory: Killed process 51 (solver) total-vm:100kB, anon-rss:50kB, file-rss:0kB, shmem-rss:0kB, "
            "UID:0 pgtables:8kB oom_score_adj:-500",
        ],
        {"pid": 51, "constraint": "cpuset", "oom_score_adj": -500},
    ),
    (
        "6.1, memory.oom.group",
        [
            "Tasks in /job.slice/run-7.scope are going to be killed due to memory.oom.group set",
            "Memory cgroup out of memory: Killed process 700 (python) total-vm:900kB, anon-rss:800kB, file-rss:0kB, "
            "shmem-rss:0kB, UID:0 pgtables:8kB oom_score_adj:0",
        ],
        {"pid": 700, "scope": "group", "anon_rss": 800 * K},
    ),
    (
        "6.18, with the caller's id",
        [
            "oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,oom_memcg=/a/tl-15600,"
            "task_memcg=/a/tl-15600,task=python,pid=15615,uid=0",
            "Memory cgroup out of memory: Killed process 15615 (python) total-vm:653596kB, anon-rss:204280kB, "
            "file-rss:67444kB, shmem-rss:0kB, UID:0 pgtables:848kB oom_score_adj:0",
        ],
        {"pid": 15615, "resident": (204280 + 67444) * K, "task_group": "/a/tl-15600"},
    ),
    (
        "a name with parentheses and spaces",
        ["Out of memory: Killed process 912 ((sd-pam)) total-vm:1kB, anon-rss:1kB, file-rss:0kB, shmem-rss:0kB, "
         "UID:0 pgtables:4kB oom_score_adj:100"],
        {"pid": 912, "comm": "(sd-pam)", "anon_rss": K, "oom_score_adj": 100},
    ),
    (
        "a name that looks like the line",
        ["Out of memory: Killed process 33 (a) total-vm:9k) total-vm:5kB, anon-rss:4kB, file-rss:3kB, shmem-rss:2kB"],
        {"pid": 33},
    ),
    (
        "only the long report is left",
        ["oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,oom_memcg=/x,task_memcg=/x/y,"
         "task=worker 3,pid=88,uid=5"],
        {"pid": 88, "comm": "worker 3", "killed": False, "task_group": "/x/y", "limit_group": "/x"},
    ),
    (
        "oom_kill_allocating_task",
        ["Out of memory (oom_kill_allocating_task): Killed process 44 (grow) total-vm:7kB, anon-rss:6kB, "
         "file-rss:0kB, shmem-rss:0kB"],
        {"pid": 44, "scope": "machine"},
    ),
]  # fmt: skip
