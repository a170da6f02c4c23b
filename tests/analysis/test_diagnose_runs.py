"""Whole diagnoses of runs described as text: verdict, reasons, findings, forecast, position, losses."""

from __future__ import annotations

from described import MB, described, exit_text, growth, loop_text

from leakhunt.analysis.diagnose import diagnose
from leakhunt.findings.diagnosis import Diagnosis


def rising(turn: int) -> float:
    return 100 * MB + turn * 20_000


def level(turn: int) -> float:
    return 100 * MB + (turn % 2) * 8_000


def summary(diagnosis: Diagnosis) -> str:
    lines = [diagnosis.verdict, *(f"because {reason}" for reason in diagnosis.reasons)]
    lines += [f"{found.verdict}: {found.title}" for found in diagnosis.findings]
    if diagnosis.more_iterations is not None:
        lines.append(f"{diagnosis.more_iterations} more iterations")
    return "\n".join(lines)


def test_a_list_that_grows_is_told_whole() -> None:
    run = described(loop_text(40, rising, in_use=rising), growths=[growth()])

    assert summary(diagnose(run)) == (
        "leak\n"
        "because sweep.main() local kept grows: +1 item, +20.0 kB per iteration.\n"
        "because Resident memory rose by 540 kB over iterations 8 to 40, 20.0 kB per iteration.\n"
        "leak: sweep.main() local kept grows: +1 item, +20.0 kB per iteration"
    )


def test_a_level_loop_is_clean_on_stated_evidence() -> None:
    run = described(loop_text(40, level, in_use=level))

    assert summary(diagnose(run)) == (
        "no-leak\n"
        "because Resident memory stayed flat, within 8 kB over iterations 8 to 40.\n"
        "because 6 heap censuses, no path grew."
    )


def test_a_large_process_that_stood_still_is_clean_without_more_censuses() -> None:
    still = 'event name=heap-still detail={"loop": "/app/sweep.py:5:main", "turns": 12}\n'
    journal = loop_text(14, level, in_use=level, censuses=(3,), end="").replace("leave ", still + "leave ")

    found = diagnose(described(journal))

    assert found.verdict == "no-leak"
    assert found.reasons[-1] == (
        "Up to iteration 12, malloc's use and the number of Python's memory blocks stood still, so that no "
        "further heap census was needed."
    )


def test_a_census_that_was_spared_and_then_taken_is_not_said_to_be_needless() -> None:
    still = 'event name=heap-still detail={"loop": "/app/sweep.py:5:main", "turns": 12}\n'
    journal = loop_text(40, level, in_use=level, end="").replace("leave ", still + "leave ")

    found = diagnose(described(journal))

    assert found.verdict == "no-leak"
    assert found.reasons[-1] == "6 heap censuses, no path grew."


def test_three_turns_are_refused() -> None:
    diagnosis = diagnose(described(loop_text(3, rising, censuses=())))

    assert diagnosis.verdict == "cannot-tell"
    assert diagnosis.more_iterations == 17


def test_a_saturating_cache_is_explained_and_no_leak() -> None:
    cache = growth(lengths=(8, 14, 20, 20, 20, 20))
    run = described(loop_text(40, lambda t: 100 * MB + min(t, 20) * 20_000), growths=[cache])

    diagnosis = diagnose(run)

    assert diagnosis.verdict == "no-leak"
    assert [found.kind for found in diagnosis.findings] == ["saturating-cache"]


def test_memory_of_native_code_grows_without_a_holder() -> None:
    run = described(loop_text(40, lambda t: 100 * MB + t * 50_000, in_use=lambda t: 50 * MB + t * 50_000,
                              blocks=lambda t: 40_000))  # fmt: skip

    diagnosis = diagnose(run)

    assert diagnosis.verdict == "cannot-tell"
    assert [found.kind for found in diagnosis.findings] == ["native-growth"]
    assert (
        diagnosis.findings[0].title == "memory of native code grows by 50.0 kB per iteration, holder not seen"
    )


def test_free_gaps_that_grow_are_fragmentation_and_no_leak() -> None:
    run = described(loop_text(40, lambda t: 100 * MB + t * 100_000, in_use=lambda t: 50 * MB,
                              free=lambda t: 10 * MB + t * 100_000, blocks=lambda t: 40_000))  # fmt: skip

    diagnosis = diagnose(run)

    assert diagnosis.verdict == "no-leak"
    assert [found.kind for found in diagnosis.findings] == ["fragmentation"]


def test_resident_growth_within_an_arena_is_no_finding() -> None:
    run = described(loop_text(40, lambda t: 100 * MB + t * 6_000, in_use=lambda t: 50 * MB))

    assert diagnose(run).verdict == "no-leak"


def test_growth_that_no_holder_explains_stays_undecided_beside_a_small_leak() -> None:
    run = described(loop_text(40, lambda t: 100 * MB + t * 900_000), growths=[growth()])

    diagnosis = diagnose(run)

    assert diagnosis.verdict == "leak"
    assert [found.kind for found in diagnosis.findings] == ["growing-container", "unexplained-growth"]
    assert "It explains 2% of the process's growth of 900 kB per iteration." in diagnosis.findings[0].evidence


def test_open_files_that_pile_up_are_a_leak() -> None:
    diagnosis = diagnose(described(loop_text(40, level, fds=lambda t: 8 + t)))

    assert [(found.kind, found.verdict) for found in diagnosis.findings] == [("handle-growth", "leak")]
    assert diagnosis.findings[0].count_per_iteration == 1


def test_files_opened_and_closed_are_silent() -> None:
    assert diagnose(described(loop_text(40, level, fds=lambda t: 8 + t % 5))).findings == []


def test_threads_that_pile_up_are_a_leak() -> None:
    diagnosis = diagnose(described(loop_text(40, level, threads=lambda t: 1 + t)))

    assert [found.kind for found in diagnosis.findings] == ["thread-growth"]


def test_a_pool_of_threads_that_filled_is_silent() -> None:
    assert diagnose(described(loop_text(40, level, threads=lambda t: 1 + min(t, 9)))).findings == []


def test_children_that_pile_up_are_a_leak_however_short_the_run() -> None:
    more = loop_text(40, level, seconds=0.005, also={"processes": lambda turn: turn})

    (found,) = diagnose(described(more)).findings

    assert (found.kind, found.verdict, found.title) == (
        "process-growth",
        "leak",
        "child processes pile up: +1 per iteration",
    )
    assert found.process.role == "children"


def test_children_that_are_waited_for_are_silent() -> None:
    bounded = loop_text(40, level, also={"processes": lambda turn: min(turn, 4)})

    assert diagnose(described(bounded)).findings == []


def test_the_forecast_says_when_the_limit_is_reached() -> None:
    run = described(loop_text(40, lambda t: 100 * MB + t * MB, seconds=2.0), growths=[growth(each=MB)])

    forecast = diagnose(run).forecast

    assert forecast is not None
    assert forecast.limit == 1000 * MB
    assert forecast.iterations_to_limit == 860
    assert forecast.seconds_to_limit == 1720


def test_nothing_is_forecast_for_a_level_loop() -> None:
    forecast = diagnose(described(loop_text(40, level))).forecast

    assert forecast is not None
    assert (forecast.limit, forecast.iterations_to_limit, forecast.seconds_to_limit) == (
        1000 * MB,
        None,
        None,
    )


def test_the_position_at_death_is_the_turn_in_progress() -> None:
    run = described(
        loop_text(17, rising, end="", left=False, total=40),
        supervisor=exit_text(exit_code=None, more="signal=SIGKILL"),
    )

    diagnosis = diagnose(run)

    assert diagnosis.run.outcome == "killed"
    assert [(at.variables, at.values, at.number, at.total) for at in diagnosis.position] == [
        (["i"], ["17"], 18, 40)
    ]


def test_a_loop_that_was_left_has_no_position() -> None:
    assert diagnose(described(loop_text(40, level))).position == []


def test_exit_137_alone_is_not_out_of_memory() -> None:
    killed = exit_text(exit_code=None, more="signal=SIGKILL oom_kills=0")
    counted = exit_text(exit_code=None, more="signal=SIGKILL oom_kills=1")

    assert diagnose(described(loop_text(9, level, end=""), supervisor=killed)).run.outcome == "killed"
    assert diagnose(described(loop_text(9, level, end=""), supervisor=counted)).run.outcome == "oom-killed"


def test_without_the_supervisor_the_agent_says_how_it_ended() -> None:
    diagnosis = diagnose(described(loop_text(40, level), supervisor=""))

    assert diagnosis.run.outcome == "completed"
    assert "supervisor-journal-missing" in [loss.slug for loss in diagnosis.losses]


def test_a_run_without_a_loop_says_so_and_what_to_do() -> None:
    tree = "".join(f"tree t={t / 10} tree_rss=100MB main_rss=90MB processes=1\n" for t in range(1, 40))
    diagnosis = diagnose(described("", supervisor=exit_text().replace("exit", tree + "exit", 1)))

    assert diagnosis.verdict == "no-leak"
    assert diagnosis.memory is not None
    assert len(diagnosis.memory.tree) == 39
    loss = next(loss for loss in diagnosis.losses if loss.slug == "no-loop")
    assert "leakhunt profile package.module:function" in loss.what


def test_growth_over_time_without_a_loop_is_not_decided() -> None:
    tree = "".join(f"tree t={t / 10} tree_rss={100 + t}MB main_rss=90MB processes=1\n" for t in range(1, 40))

    assert (
        diagnose(described("", supervisor=exit_text().replace("exit", tree + "exit", 1))).verdict
        == "cannot-tell"
    )


def test_nothing_at_all_is_survived() -> None:
    diagnosis = diagnose(described("", supervisor=""))

    assert (diagnosis.verdict, diagnosis.run.outcome) == ("cannot-tell", "unknown")


def test_charts_have_at_most_two_thousand_points() -> None:
    memory = diagnose(described(loop_text(6_000, level, seconds=0.01, censuses=()))).memory

    assert memory is not None
    assert len(memory.points) == 2_000
    assert (memory.points[0].iteration, memory.points[-1].iteration) == (0, 6_000)
    assert memory.points[0].label == "i = 0"


def test_the_cost_is_the_targets_own_count() -> None:
    cost = diagnose(described(loop_text(40, level))).cost

    assert (cost.seconds, cost.bytes, cost.longest_pause) == (0.02, 100_000, 0.007)
    assert cost.share == 0.005


def test_a_killed_target_costs_at_least_its_pauses() -> None:
    cost = diagnose(described(loop_text(40, level, end=""))).cost

    assert cost.longest_pause == 0.006


def test_the_same_bug_has_the_same_id_in_a_longer_run() -> None:
    first = diagnose(described(loop_text(40, rising), growths=[growth()]))
    longer = growth(turns=(16, 28, 40, 52, 64, 80), line=90)
    second = diagnose(described(loop_text(80, rising, censuses=longer.turns), growths=[longer]))

    assert first.findings[0].id == second.findings[0].id


def test_twice_the_payload_is_twice_the_rate() -> None:
    once = diagnose(described(loop_text(40, rising), growths=[growth()])).findings[0]
    twice = diagnose(described(loop_text(40, rising), growths=[growth(each=40_000)])).findings[0]

    assert once.bytes_per_iteration is not None
    assert twice.bytes_per_iteration == 2 * once.bytes_per_iteration


def test_a_module_that_was_imported_late_is_no_finding() -> None:
    late = growth(
        "fractions", root="module", module="fractions", type="", grows=False,
        lengths=[0, 0, 0, 80, 80, 80], bytes=[0, 0, 0, 40_000_000, 40_000_000, 40_000_000],
    )  # fmt: skip

    found = diagnose(described(loop_text(40, level, in_use=level), growths=[late]))

    assert found.verdict == "no-leak"
    assert [finding.title for finding in found.findings] == []
