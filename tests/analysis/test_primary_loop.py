"""Which loop is the one that verdicts are per iteration of."""

from __future__ import annotations

import json

import pytest
from described import described, exit_text, loop_text

from leakhunt.analysis.diagnose import diagnose
from leakhunt.analysis.primary import choose_primary
from leakhunt.findings.diagnosis import Position

LEVEL = loop_text(40, lambda t: 1e8, censuses=())


def nested(outer: int, inner: int, seconds: float = 0.1, *, last: str = "left") -> str:
    """The agent's journal of `for lam: for beta:`; the last inner loop stands still when not left."""
    lines = [
        "header t=0 writer=agent pid=77",
        'loop id="/a.py:1:main" file="/a.py" line=1 function=main variables=["lam"] loop_kind=for',
        'loop id="/a.py:2:main" file="/a.py" line=2 function=main variables=["beta"] '
        'parent="/a.py:1:main" loop_kind=for',
        f'enter instance=1 loop="/a.py:1:main" total={outer}',
    ]
    now, serial = 0.0, 1
    for turn in range(outer):
        serial += 1
        lines.append(f"sample t={now:.3f} instance=1 completed={turn} values=[{turn}] rss_anon=100MB")
        lines.append(
            f'enter t={now:.3f} instance={serial} parent_instance=1 loop="/a.py:2:main" total={inner}'
        )
        for step in range(inner):
            lines.append(
                f"sample t={now:.3f} instance={serial} completed={step} values=[{step}] rss_anon=100MB"
            )
            now += seconds
        if turn < outer - 1 or last == "left":
            lines.append(f"leave t={now:.3f} instance={serial} completed={inner} how=exhausted")
    if last == "left":
        lines.append(f"sample t={now:.3f} instance=1 completed={outer} rss_anon=100MB")
        lines.append(f"leave t={now:.3f} instance=1 completed={outer} how=exhausted")
    return "\n".join(lines)


def test_the_outermost_loop_with_enough_turns_is_chosen() -> None:
    run = described(nested(10, 8))

    assert choose_primary(run).loop is run.loops["/a.py:1:main"]


def test_an_outer_loop_with_few_turns_leaves_it_to_the_inner_one() -> None:
    run = described(nested(3, 8))
    loop = choose_primary(run).loop

    assert loop is not None
    assert (loop.id, loop.iterations, loop.total) == ("/a.py:2:main", 24, 24)


def test_a_named_loop_wins() -> None:
    run = described(
        'header t=0 writer=agent options={"primary":"a.py:2"}\n' + nested(10, 8).split("\n", 1)[1]
    )

    assert choose_primary(run).loop is run.loops["/a.py:2:main"]


def test_a_named_loop_that_did_not_run_is_a_loss() -> None:
    run = described(LEVEL.replace("writer=agent", 'writer=agent options={"primary":"other.py:9"}'))

    assert "loop-not-found" in [loss.slug for loss in diagnose(run).losses]


def test_a_short_preparation_loop_is_not_the_work() -> None:
    preparation = LEVEL.replace("sweep.py:5", "sweep.py:2").replace("line=5", "line=2")
    work = (
        loop_text(40, lambda t: 1e8, seconds=20.0, censuses=())
        .split("\n", 1)[1]
        .replace("instance=1", "instance=2")
    )
    run = described(preparation.rsplit("\n", 1)[0] + "\n" + work)
    loop = choose_primary(run).loop

    assert loop is not None
    assert loop.line == 5


def test_a_loop_too_short_to_judge_is_still_listed() -> None:
    diagnosis = diagnose(described(loop_text(2, lambda t: 1e8, censuses=())))

    assert [(loop.iterations, loop.primary) for loop in diagnosis.loops] == [(2, True)]


def test_the_position_at_death_is_the_stack_of_open_loops() -> None:
    run = described(nested(7, 9, last="open"), supervisor=exit_text(exit_code=None, more="signal=SIGKILL"))

    assert diagnose(run).position == [
        Position("/a.py:1:main", ["lam"], ["6"], 7, 7),
        Position("/a.py:2:main", ["beta"], ["8"], 9, 9),
    ]


def two_threads(main_cpu: float | None, other_cpu: float | None) -> str:
    """A loop of the main thread and a longer one of another thread, 0.1 s a turn; `..._cpu` seconds per turn."""
    lines = ["header t=0 writer=agent pid=77"]
    for line, main in ((1, True), (9, False)):
        lines.append(
            f'loop t=0 id="/a.py:{line}:f" file="/a.py" line={line} function=f variables=[] loop_kind=while'
        )
        lines.append(f'enter t=0 instance={line} loop="/a.py:{line}:f" thread={line} main={json.dumps(main)}')
    for turn in range(60):
        for line, spent in ((1, main_cpu), (9, other_cpu)):
            if line == 1 and turn >= 40:
                continue
            cpu = f" cpu={spent * turn:.4f}" if spent is not None else ""
            lines.append(f"sample t={turn * 0.1:.2f} instance={line} completed={turn} rss_anon=100MB{cpu}")
    return "\n".join(lines)


@pytest.mark.parametrize("main_cpu", [0.02, 0.005, None], ids=["works", "works a little", "unknown"])
def test_a_loop_of_the_main_thread_that_works_comes_before_a_longer_one_of_another(
    main_cpu: float | None,
) -> None:
    run = described(two_threads(main_cpu, 0.09))

    assert choose_primary(run).loop is run.loops["/a.py:1:f"]


def test_a_main_thread_that_only_waits_leaves_it_to_the_thread_that_works() -> None:
    run = described(two_threads(0.0002, 0.09))

    assert choose_primary(run).loop is run.loops["/a.py:9:f"]
