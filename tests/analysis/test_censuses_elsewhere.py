"""Censuses that were all taken before the primary loop began say nothing about its turns."""

from __future__ import annotations

from described import MB, described, growth, loop_text

from leakhunt.analysis.diagnose import diagnose

FILE = "/app/sweep.py"


def loop(line: int, instance: int, *, began: float, seconds: float, census: bool) -> str:
    name = f"{FILE}:{line}:main"
    lines = [
        f'loop t={began} id="{name}" file="{FILE}" line={line} function=main variables=["i"] loop_kind=for',
        f'enter t={began} instance={instance} loop="{name}" thread=1',
    ]
    for turn in range(41):
        now = began + turn * seconds
        lines.append(f"sample t={now:.4f} instance={instance} completed={turn} rss_anon={100 * MB}")
        if census and turn in (8, 14, 20, 26, 32, 40):
            number = (8, 14, 20, 26, 32, 40).index(turn) + 1
            lines.append(f'checkpoint number={number} loop="{name}" turns={turn} file="{number}" how=fork')
    lines.append(f"leave t={began + 41 * seconds:.4f} instance={instance} completed=40 how=exhausted")
    return "\n".join(lines)


def test_what_grew_only_while_the_program_was_set_up_is_no_finding() -> None:
    header = loop_text(0, lambda t: 0).splitlines()[0]
    setup = loop(3, 1, began=0.02, seconds=0.01, census=True)
    work = loop(9, 2, began=1.0, seconds=0.5, census=False)

    diagnosis = diagnose(described("\n".join([header, setup, work]), growths=[growth("sweep.SETTINGS")]))

    assert next(one for one in diagnosis.loops if one.primary).line == 9
    assert diagnosis.findings == []


def test_what_grew_while_the_work_was_done_is_a_finding_wherever_the_censuses_were_taken() -> None:
    header = loop_text(0, lambda t: 0).splitlines()[0]
    work = loop(9, 2, began=0.02, seconds=0.5, census=True).replace(
        f'checkpoint number=1 loop="{FILE}:9:main"', f'checkpoint number=1 loop="{FILE}:3:main"'
    )

    diagnosis = diagnose(
        described("\n".join([header, work]), growths=[growth("sweep.main() local kept", each=MB)])
    )

    assert [finding.verdict for finding in diagnosis.findings] == ["leak"]
