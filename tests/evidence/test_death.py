"""What a death is said to be, from every combination of witnesses; above all, what is never said."""

from __future__ import annotations

import dataclasses
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from properties import settled, thorough

from leakhunt.evidence.death import Cause, Death, DeathFacts, OomCounter, OwnIntent, judge_death
from leakhunt.evidence.happening import Happening
from leakhunt.evidence.kernel_kill import KernelKill

WINDOW = (1000.0, 1002.0)
GROUP = "/user.slice/run-1.scope"


def kill(pid: int = 50, **known: object) -> KernelKill:
    base = KernelKill(
        pid, "python", f"Out of memory: Killed process {pid} (python)", boot=1001.0, scope="machine"
    )
    return dataclasses.replace(base, **known)  # type: ignore[arg-type]


def facts(**known: object) -> DeathFacts:
    base = DeathFacts(
        signal="SIGKILL", pids=(50,), pids_are_global=True, comm="python", groups=(GROUP,), group_is_own=True,
        died_boot=WINDOW, died_wall=(5000.0, 5002.0), supervised=True,
    )  # fmt: skip
    return dataclasses.replace(base, **known)  # type: ignore[arg-type]


def own(before: int | None = 0, after: int | None = 1, **more: object) -> OomCounter:
    return dataclasses.replace(OomCounter("cgroup-v2-local", before, after, GROUP, True, 1.0), **more)  # type: ignore[arg-type]


def judged(**known: object) -> tuple[str, str]:
    death = judge_death(facts(**known))
    return death.certainty, death.cause


# ---- out of memory --------------------------------------------------------------------------


def test_sigkill_alone_does_not_say_that_memory_ran_out() -> None:
    death = judge_death(facts())

    assert (death.certainty, death.cause) == ("unknown", "unknown")
    assert "does not say that memory ran out" in death.words


def test_exit_code_137_alone_does_not_say_that_memory_ran_out() -> None:
    death = judge_death(facts(signal=None, exit_code=137))

    assert (death.certainty, death.cause) == ("proven", "exited")
    assert "does not follow" in death.words


def test_the_kernel_naming_our_process_when_it_died_is_proof() -> None:
    death = judge_death(facts(kernel_kills=(kill(anon_rss=29_000_000_000),)))

    assert (death.certainty, death.cause) == ("proven", "kernel-oom")
    assert "29.0 GB" in death.words
    assert death.proof[0].startswith("kernel: Out of memory: Killed process 50")


def test_the_kernel_naming_our_pid_at_another_time_is_another_process_with_that_pid() -> None:
    assert judged(kernel_kills=(kill(boot=400.0),)) == ("unknown", "unknown")


def test_the_kernel_naming_another_process_at_that_moment_proves_nothing() -> None:
    assert judged(kernel_kills=(kill(99, task_group="/other"),)) == ("unknown", "unknown")
    assert judged(kernel_kills=(kill(99, task_group=GROUP),)) == ("unknown", "unknown")


def test_in_a_pid_namespace_the_kernel_names_a_pid_that_is_not_ours_and_the_group_decides() -> None:
    inside = {"pids": (7,), "pids_are_global": False}

    assert judged(kernel_kills=(kill(84211, task_group=GROUP),), **inside) == ("proven", "kernel-oom")
    assert judged(kernel_kills=(kill(7, task_group="/docker/other"),), **inside) == ("unknown", "unknown")


def test_a_container_that_sees_only_the_end_of_its_groups_path_is_still_joined() -> None:
    inside = {"pids": (7,), "pids_are_global": False, "groups": ("/run-1.scope",)}

    assert judged(kernel_kills=(kill(84211, task_group=GROUP),), **inside) == ("proven", "kernel-oom")
    assert judged(kernel_kills=(kill(84211, task_group="/x/other-run-1.scope"),), **inside)[0] == "unknown"


@pytest.mark.parametrize("groups", [("/",), ()])
def test_where_neither_pid_nor_group_can_be_compared_a_kill_by_that_name_at_that_time_is_probable(
    groups: tuple[str, ...],
) -> None:
    inside = {"pids": (7,), "pids_are_global": False, "groups": groups, "group_is_own": None}

    assert judged(kernel_kills=(kill(84211, task_group="/docker/abc"),), **inside) == (
        "probable",
        "kernel-oom",
    )
    assert judged(kernel_kills=(kill(84211, comm="other"),), **inside) == ("unknown", "unknown")
    assert judged(kernel_kills=(kill(84211, boot=None),), **inside) == ("unknown", "unknown")


def test_a_group_that_is_not_the_programs_own_does_not_clear_the_kernel() -> None:
    root = OomCounter("cgroup-v1", 0, 0, "/sys/fs/cgroup/memory")
    inside = {"pids": (7,), "pids_are_global": False, "groups": (), "group_is_own": None}

    assert judged(counters=(root, OomCounter("vmstat", 3, 5)), **inside) == ("probable", "kernel-oom")
    assert judged(counters=(root,), **inside) == ("unknown", "unknown")


def test_a_group_above_the_program_counts_for_it_in_version_2_only() -> None:
    above = {"group": "/sys/fs/cgroup/user.slice", "before": 4, "after": 4}
    machine = OomCounter("vmstat", 3, 5)

    assert judged(counters=(OomCounter("cgroup-v2", **above), machine))[1] == "killed-by-user"  # type: ignore[arg-type]
    assert judged(counters=(OomCounter("cgroup-v1", **above), machine))[1] == "kernel-oom"  # type: ignore[arg-type]


def test_a_kill_in_a_group_that_others_share_may_have_been_one_of_them() -> None:
    shared = {"pids": (7,), "pids_are_global": False, "group_is_own": False, "comm": "train"}

    assert judged(kernel_kills=(kill(84211, task_group=GROUP),), **shared) == ("probable", "kernel-oom")


def test_the_kernels_choice_without_its_kill_is_only_probable() -> None:
    assert judged(kernel_kills=(kill(killed=False),)) == ("probable", "kernel-oom")


def test_a_line_without_a_time_is_only_probable() -> None:
    assert judged(kernel_kills=(kill(boot=None),)) == ("probable", "kernel-oom")


def test_a_pid_whose_namespace_is_not_known_is_only_probable() -> None:
    assert judged(kernel_kills=(kill(),), pids_are_global=None, group_is_own=None) == (
        "probable",
        "kernel-oom",
    )


def test_a_kill_counted_in_its_own_group_is_proof() -> None:
    assert judged(counters=(own(),)) == ("proven", "kernel-oom")


def test_a_kill_counted_long_before_while_it_had_children_may_have_been_a_childs() -> None:
    assert judged(counters=(own(since=7200.0),), tree_pids=(51,)) == ("probable", "kernel-oom")
    assert judged(counters=(own(since=5.0),), tree_pids=(51,)) == ("proven", "kernel-oom")


def test_a_kill_counted_on_the_machine_is_probable() -> None:
    assert judged(counters=(OomCounter("vmstat", 3, 4),)) == ("probable", "kernel-oom")


def test_a_kill_elsewhere_on_the_machine_is_not_ours_when_our_group_counted_none() -> None:
    assert judged(counters=(OomCounter("vmstat", 3, 4), own(2, 2)))[1] != "kernel-oom"


def test_a_counter_that_was_reset_counts_nothing() -> None:
    assert judged(counters=(own(5, 0),)) == ("unknown", "unknown")


def test_a_counter_that_nobody_read_is_not_zero() -> None:
    assert judged(counters=(own(None, 1),)) == ("unknown", "unknown")


# ---- others ---------------------------------------------------------------------------------


def test_when_the_kernel_killed_nobody_somebody_else_did() -> None:
    assert judged(counters=(OomCounter("vmstat", 3, 3),)) == ("probable", "killed-by-user")


def test_our_own_kill_is_proven_by_what_was_written_before_it() -> None:
    intent = OwnIntent("more than 8 GB", "SIGKILL", 50)

    assert judged(intents=(intent,)) == ("proven", "own-limit")
    assert judged(intents=(intent,), counters=(own(),)) == ("probable", "own-limit")


def test_what_we_did_to_an_earlier_attempt_is_not_what_this_one_died_of() -> None:
    assert judged(intents=(OwnIntent("more than 8 GB", "SIGKILL", 49),)) == ("unknown", "unknown")


def test_the_kernel_may_be_faster_than_our_grace() -> None:
    asked = OwnIntent("more than 8 GB", "SIGTERM", 50)

    assert judged(intents=(asked,), kernel_kills=(kill(),)) == ("proven", "kernel-oom")
    assert judged(intents=(asked,), signal="SIGTERM") == ("proven", "own-limit")
    assert judged(intents=(asked,), signal=None, exit_code=0) == ("proven", "own-limit")


@pytest.mark.parametrize(("signal", "cause"), [
    ("SIGTERM", "terminated"), ("SIGHUP", "terminated"), ("SIGSEGV", "crashed"), ("SIGABRT", "crashed"),
    ("SIGBUS", "crashed"), ("SIGINT", "killed-by-user"),
])  # fmt: skip
def test_a_signal_of_another_kind_says_what_it_was(signal: str, cause: str) -> None:
    assert judge_death(facts(signal=signal)).cause == cause


def test_an_abort_by_systemds_watchdog_is_no_crash() -> None:
    assert judged(signal="SIGABRT", systemd_result="watchdog") == ("proven", "terminated")


@pytest.mark.parametrize(("code", "words"), [(0, "with success"), (1, "exit code 1"), (75, "yielded")])
def test_a_program_that_ends_by_itself_exited(code: int, words: str) -> None:
    death = judge_death(facts(signal=None, exit_code=code))

    assert (death.certainty, death.cause) == ("proven", "exited")
    assert words in death.words


def test_a_program_that_ends_because_its_child_was_killed_says_so() -> None:
    death = judge_death(facts(signal=None, exit_code=1, tree_pids=(51,), kernel_kills=(kill(51),)))

    assert death.cause == "exited"
    assert "killed its process 51 for memory" in death.words


def test_a_daemon_that_names_our_process_is_who_killed_it() -> None:
    said = Happening(
        5001.0, None, "oom-daemon", 'sending SIGTERM to process 50 uid 0 "python"', "earlyoom", 50
    )

    assert judged(others=(said,)) == ("proven", "oom-daemon")
    assert judged(others=(said,), signal="SIGTERM") == ("proven", "oom-daemon")
    assert judged(others=(dataclasses.replace(said, pid=51),)) == ("unknown", "unknown")
    assert judged(others=(dataclasses.replace(said, wall=9000.0),)) == ("unknown", "unknown")
    assert judged(others=(said,), pids_are_global=False) == ("probable", "oom-daemon")


def test_a_batch_system_that_reports_a_kill_is_probable() -> None:
    said = Happening(
        5001.0, None, "scheduler-kill", "Detected 1 oom-kill event(s) in StepId=1.0", "slurmstepd"
    )

    assert judged(others=(said,)) == ("probable", "scheduler-kill")


def test_words_about_another_unit_are_about_another_program() -> None:
    said = Happening(
        5001.0, None, "oom-report", "Failed with result 'oom-kill'.", "systemd", detail={"who": "a.service"}
    )

    assert judged(others=(said,)) == ("unknown", "unknown")
    assert judged(others=(said,), groups=("/system.slice/a.service",)) == ("probable", "kernel-oom")


def test_systemds_word_is_probable() -> None:
    assert judged(systemd_result="oom-kill") == ("probable", "kernel-oom")


# ---- nobody waited --------------------------------------------------------------------------


def test_without_a_supervisor_nobody_knows() -> None:
    assert judged(signal=None, supervised=False) == ("unknown", "unknown")


def test_a_supervisor_that_went_first_is_said() -> None:
    assert judged(signal=None, supervisor_ended=False) == ("probable", "supervisor-lost")


def test_another_boot_means_that_the_machine_went_down() -> None:
    assert judged(signal=None, boot_before="a", boot_after="b") == ("probable", "power-loss")
    assert (
        judged(signal=None, boot_before="a", boot_after="a", supervisor_ended=False)[1] == "supervisor-lost"
    )


def test_the_kernels_line_counts_also_when_nobody_waited() -> None:
    assert judged(signal=None, kernel_kills=(kill(),)) == ("proven", "kernel-oom")


def test_a_program_that_still_runs_died_of_nothing() -> None:
    assert judged(signal=None, alive=True) == ("unknown", "unknown")


# ---- whatever the facts ------------------------------------------------------------------------

maybe_bool = st.sampled_from([None, True, False])
counts = st.one_of(st.none(), st.integers(0, 3))
kills = st.builds(
    kill, pid=st.sampled_from([50, 51, 99]), boot=st.sampled_from([None, 1001.0, 1.0]), killed=st.booleans(),
    task_group=st.sampled_from([None, GROUP, "/other", "/"]), scope=st.sampled_from([None, "machine", "group"]),
)  # fmt: skip
counters = st.builds(
    OomCounter, st.sampled_from(["cgroup-v2-local", "cgroup-v2", "cgroup-v1", "vmstat"]), counts, counts,
    st.just(GROUP), maybe_bool, st.sampled_from([None, 1.0, 9999.0]),
)  # fmt: skip
others = st.builds(
    Happening, st.sampled_from([None, 5001.0, 1.0]), st.none(),
    st.sampled_from(["oom-daemon", "scheduler-kill", "oom-report", "note"]), st.text(max_size=20), st.just("log"),
    st.sampled_from([None, 50, 99]),
)  # fmt: skip
intents = st.builds(
    OwnIntent, st.just("a bound"), st.sampled_from(["SIGTERM", "SIGKILL"]), st.sampled_from([None, 50, 49])
)
endings = st.sampled_from([
    (None, None), (0, None), (1, None), (75, None), (137, None), (139, None), (None, "SIGKILL"), (None, "SIGTERM"),
    (None, "SIGSEGV"), (None, "SIGINT"), (None, "signal 40"),
])  # fmt: skip


@st.composite
def any_facts(draw: st.DrawFn) -> DeathFacts:
    code, signal = draw(endings)
    return DeathFacts(
        exit_code=code, signal=signal, exit_inside=draw(counts), alive=draw(maybe_bool),
        pids=draw(st.sampled_from([(), (50,)])), tree_pids=draw(st.sampled_from([(), (51,)])),
        pids_are_global=draw(maybe_bool), comm=draw(st.sampled_from([None, "python", "other"])),
        groups=draw(st.sampled_from([(), (GROUP,), ("/",)])), group_is_own=draw(maybe_bool),
        died_boot=draw(st.sampled_from([None, WINDOW])), died_wall=draw(st.sampled_from([None, (5000.0, 5002.0)])),
        intents=tuple(draw(st.lists(intents, max_size=2))), user_killed=draw(maybe_bool),
        passed_on=draw(st.sampled_from([(), ("SIGTERM",), ("SIGINT",)])),
        kernel_kills=tuple(draw(st.lists(kills, max_size=2))), kernel_log_read=draw(maybe_bool),
        counters=tuple(draw(st.lists(counters, max_size=2))), boot_before=draw(st.sampled_from([None, "a"])),
        boot_after=draw(st.sampled_from([None, "a", "b"])), supervised=draw(maybe_bool),
        supervisor_ended=draw(maybe_bool), systemd_result=draw(st.sampled_from([None, "oom-kill", "success"])),
        others=tuple(draw(st.lists(others, max_size=2))),
    )  # fmt: skip


def names_us(facts: DeathFacts, kill: KernelKill) -> bool:
    """Whether a line by itself ties this kill to this death: by PID or group, at that time, and done."""
    timed = kill.boot is not None and facts.died_boot is not None and 970.0 <= kill.boot <= 1032.0
    ours = kill.pid in facts.pids and facts.pids_are_global is not False
    return kill.killed and timed and (ours or kill.task_group in facts.groups)


def our_kills(facts: DeathFacts) -> bool:
    return any(c.kills and c.own and c.source != "vmstat" for c in facts.counters)


@thorough
@given(any_facts())
def test_no_facts_are_judged_beyond_what_they_prove(facts: DeathFacts) -> None:
    death = judge_death(facts)

    assert death.cause in get_args(Cause)
    assert death.words
    assert death.proof or death.certainty == "unknown"
    assert (death.certainty == "unknown") == (death.cause == "unknown")
    if death.certainty == "proven" and death.cause == "kernel-oom":
        assert any(names_us(facts, kill) for kill in facts.kernel_kills) or (
            facts.signal == "SIGKILL" and our_kills(facts)
        )
    if death.cause == "kernel-oom":
        assert facts.signal == "SIGKILL" or (facts.signal is None and facts.exit_code is None)
    if death.cause == "own-limit":
        assert facts.intents
    if death.cause == "power-loss":
        assert facts.boot_before != facts.boot_after


@settled
@given(any_facts())
def test_sigkill_without_another_witness_stays_unknown(facts: DeathFacts) -> None:
    silent = dataclasses.replace(
        facts, signal="SIGKILL", exit_code=None, alive=False, intents=(), user_killed=None, kernel_kills=(),
        counters=(), systemd_result=None, others=(),
    )  # fmt: skip

    assert judge_death(silent).cause == "unknown"


@settled
@given(any_facts(), st.integers(0, 255))
def test_an_exit_code_is_never_called_out_of_memory(facts: DeathFacts, code: int) -> None:
    death: Death = judge_death(dataclasses.replace(facts, signal=None, exit_code=code, alive=False))

    assert death.cause not in {"kernel-oom", "oom-daemon"}
