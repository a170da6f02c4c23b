"""The rules for lines of logs: what the shipped ones understand, and how mistakes in a user's file are told."""

from __future__ import annotations

from pathlib import Path

import pytest
from logs import reading_of, told

from leakhunt.errors import LeakhuntError
from leakhunt.evidence.happening import KINDS
from leakhunt.evidence.rules import load_rules, parse_rules, shipped_rules, words_of


@pytest.mark.parametrize(("line", "kind", "pid"), [
    # earlyoom, systemd-oomd, nohang, systemd
    ('station earlyoom[904]: sending SIGTERM to process 2232 uid 1000 "bun": badness 712, VmRSS 4514 MiB',
     "oom-daemon", 2232),
    ('station earlyoom[904]: sending SIGTERM to process 9 uid 0 "x": oom_score 712, oom_score_adj 0, VmRSS 45 MiB, '
     'cmdline "bun"', "oom-daemon", 9),
    ("station earlyoom[1479]: low memory! at or below SIGTERM limits: mem 10.00%, swap 10.00%", "low-memory", None),
    ("station systemd-oomd[511]: Killed /user.slice/user-1000.slice/session-2.scope due to memory pressure for "
     "/user.slice being 65.2% > 50.00% for > 20s", "oom-daemon", None),
    ("station systemd[1]: session-2.scope: systemd-oomd killed 12 process(es) in this unit.", "oom-daemon", None),
    ("station systemd[1]: train.service: Failed with result 'oom-kill'.", "oom-report", None),
    ("station systemd[1]: a.service: A process of this unit has been killed by the OOM killer.", "oom-report", None),
    ("station systemd[1]: train.service: Watchdog timeout (limit 30s)!", "kill", None),
    # batch systems and clusters
    ("slurmstepd: error: Detected 1 oom-kill event(s) in StepId=38148424.batch. Some of your processes may have been "
     "killed by the cgroup out-of-memory handler.", "scheduler-kill", None),
    ("slurmstepd: error: Detected 2 oom_kill events in StepId=47.batch cgroup.", "scheduler-kill", None),
    ("ray.exceptions.OutOfMemoryError: Task was killed due to the node running low on memory.", "scheduler-kill", None),
    ("(raylet) 2 worker(s) were killed due to the node running low on memory. details", "scheduler-kill", None),
    ("distributed.worker_memory - WARNING - Worker exceeded 95% memory budget. Restarting", "scheduler-kill", None),
    ("distributed.nanny.memory - WARNING - Worker tcp://[::1]:3 (pid=811) exceeded 95% memory budget. Restarting...",
     "scheduler-kill", 811),
    ("distributed.worker_memory - WARNING - Worker is at 89% memory usage. Pausing worker.", "low-memory", None),
    ("distributed.worker.memory - WARNING - Unmanaged memory use is high.", "low-memory", None),
    ("distributed.scheduler.KilledWorker: Attempted to run task x on 4 workers", "death", None),
    ("    Reason: OOMKilled", "scheduler-kill", None),
    ("Warning  OOMKilling  node/a  Memory cgroup out of memory", "scheduler-kill", None),
    ("The node was low on resource: memory. Threshold quantity: 100Mi", "scheduler-kill", None),
    ("/var/spool/slurmd/job1/slurm_script: line 21: 1613604 Killed                  python train.py", "death", 1613604),
    # who restarts
    ("[123] [ERROR] Worker (pid:456) was sent SIGKILL! Perhaps out of memory?", "death", 456),
    ("[123] [CRITICAL] WORKER TIMEOUT (pid:456)", "kill", 456),
    ("ERROR/MainProcess] Process 'ForkPoolWorker-1' pid:123 exited with 'signal 9 (SIGKILL)'", "death", 123),
    ("INFO exited: train (terminated by SIGKILL; not expected)", "death", None),
    ("failed (exitcode: -9) local_rank: 0 (pid: 4711) of binary: python", "death", 4711),
    ("station systemd[1]: train.service: Main process exited, code=killed, status=9/KILL", "death", None),
    ("station systemd[1]: train.service: Scheduled restart job, restart counter is at 3.", "restart", None),
    ("./run.sh: line 12: 12345 Segmentation fault      (core dumped) python train.py", "error", 12345),
    ("slurmstepd: error: Exceeded job memory limit at some point.", "scheduler-kill", None),
    ("slurmstepd: error: *** JOB 123 ON n1 CANCELLED AT 2026-02-15T01:23:31 DUE TO TIME LIMIT ***", "kill", None),
    # the machine
    ("station systemd-logind[600]: System is rebooting.", "shutdown", None),
    ("station kernel: Linux version 6.1.0-18-amd64 (gcc-12)", "boot", None),
    # programs
    ("🚨 EMERGENCY BRAKE ACTIVATED [Trial #42 split 3/5]", "brake", None),
    ("❌ Worker 1 PID 11858 died", "death", 11858),
    ("Worker 2 (PID 77180) is dead", "death", 77180),
    ("🔄 Worker 1 restarted as PID 77107", "restart", None),
    ("✅ Worker 1 PID 17650 healthy (age: 74s/3600s, mem: 2.27GB, restart in 3526s)", "alive", 17650),
    ("[2026] [123] [INFO] Booting worker with pid: 5120", "start", None),
    ("worker_watchdog.sh: not running", "stop", None),
    ("numpy._core._exceptions._ArrayMemoryError: Unable to allocate 29.4 GiB for an array", "error", None),
    ("RuntimeError: [enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes", "error",
     None),
    ("terminate called after throwing an instance of 'std::bad_alloc'", "error", None),
    ("Traceback (most recent call last):", "error", None),
    ("Completed 500 trials", "done", None),
    ("Trial 41 finished with value: -0.12", "done", None),
    ("Saved checkpoint to out/model-4.pt", "saved", None),
    ("Memory usage: 29.41 GB / 31.23 GB (94.2%)", "memory", None),
    ("Worker 1 memory leak detected - restarting", "restart", None),
    ("[main] Received SIGTERM, shutting down", "kill", None),
])  # fmt: skip
def test_a_line_of_a_known_program_is_understood(
    tmp_path: Path, line: str, kind: str, pid: int | None
) -> None:
    reading = reading_of(tmp_path, f"2026-02-15T01:00:00Z {line}\n")

    assert [group.kind for group in reading.groups] == [kind]
    assert reading.groups[0].pid == pid


@pytest.mark.parametrize("line", [
    "epoch 3/50 loss 0.12",
    "GET /healthcheck 200",
    "loading 4 GB of data",
    "deadline is Friday",
    "killed the lights",
    "the process of training a model",
    "saved 3 minutes",
    "static analysis completed",
    "kernel ridge regression with memory of 3 steps",
    "the limit is 9 and the signal 9 dB",
    "user asked: is the watchdog breed called a mastiff?",
])  # fmt: skip
def test_a_line_about_something_else_tells_nothing(tmp_path: Path, line: str) -> None:
    assert told(reading_of(tmp_path, f"2026-02-15T01:00:00Z {line}\n")) == []


@pytest.mark.parametrize("before", [
    "2026-02-15T01:00:00Z seen: ", "- kernel: ", "2026-02-15T01:00:00Z - kernel: ", "station kernel: ",
    "> [  12.345678] ",
])  # fmt: skip
def test_words_of_the_kernel_in_another_programs_log_are_a_report_and_no_proof(
    tmp_path: Path, before: str
) -> None:
    reading = reading_of(tmp_path, f"{before}Out of memory: Killed process 5 (python) total-vm:1kB\n")

    assert reading.kills == []
    assert [group.kind for group in reading.groups] == ["oom-report"]


def test_every_shipped_rule_has_words_and_a_documented_kind() -> None:
    rules = shipped_rules()

    assert all(rule.words and rule.kind in KINDS for rule in rules)
    assert len({rule.name for rule in rules}) == len(rules)


def test_the_fewest_words_still_find_every_line() -> None:
    rules = shipped_rules()
    words = words_of(rules)

    assert all(any(one in word for one in words) for rule in rules for word in rule.words)


def test_a_users_rule_comes_first_and_replaces_one_of_the_same_name(tmp_path: Path) -> None:
    path = tmp_path / "my-rules.toml"
    path.write_text('[[rule]]\nname = "brake"\nkind = "near-miss"\nwords = ["HALT"]\n')

    rules = load_rules(path)

    assert [(rule.name, rule.kind, rule.words) for rule in rules if rule.name == "brake"] == [
        ("brake", "near-miss", ("halt",))
    ]
    assert len(rules) == len(shipped_rules())


def test_a_rule_of_the_users_own_kind_is_told_with_its_groups(tmp_path: Path) -> None:
    rule = """[[rule]]
name = "disk-full"
kind = "disk"
words = ["no space"]
pattern = 'worker (?P<pid>\\d+).*?(?P<size>\\d+ GB)'
"""

    reading = reading_of(tmp_path, "2026-02-15T01:00:00Z worker 77: No space left, 3 GB needed\n", rules=rule)

    assert [(group.kind, group.pid, group.size) for group in reading.groups] == [("disk", 77, 3 * 10**9)]


@pytest.mark.parametrize(("text", "says"), [
    ("rule = 3", "[[rule]]"),
    ("[[rule]\n", "is not TOML"),
    ("[[rules]]\nname='a'", "'rules' means nothing here"),
    ("format = 9", "format 9 is not known"),
    ("[[rule]]\nkind='note'\nwords=['x']", "rule 1 needs a name"),
    ("[[rule]]\nname='a'\nkind='note'", "needs words or a pattern"),
    ("[[rule]]\nname='a'\nkind='note'\nwords=[3]", "list of texts"),
    ("[[rule]]\nname='a'\nkind='note'\nwords=['x']\ncolour='red'", "'colour' is not a key"),
    ("[[rule]]\nname='a'\nkind='note'\npattern='('", "pattern cannot be read"),
    ("[[rule]]\nname='A b'\nkind='note'\nwords=['x']", "written like"),
    ("[[rule]]\nname='a'\nkind='note'\nwords=['x']\nrole='boss'", "role is one of"),
    ("[[rule]]\nname='a'\nkind='note'\nwords=['x']\n" * 2, "two rules are named"),
])  # fmt: skip
def test_a_mistake_in_a_file_of_rules_is_told_in_a_line(text: str, says: str) -> None:
    with pytest.raises(LeakhuntError) as raised:
        parse_rules(text, name="my-rules.toml")

    message = str(raised.value)
    assert says in message
    assert message.startswith("my-rules.toml")
    assert "\n" not in message


def test_a_file_of_rules_that_is_missing_or_no_text_is_told_in_a_line(tmp_path: Path) -> None:
    binary = tmp_path / "binary.toml"
    binary.write_bytes(b"\xff\xfe\x00rule")

    for path in (tmp_path / "none.toml", tmp_path, binary):
        with pytest.raises(LeakhuntError):
            load_rules(path)
