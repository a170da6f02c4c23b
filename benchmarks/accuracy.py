"""`make accuracy`: every program of the known-answer suite through `leakhunt profile`, and how right it was.

Exit 1 when a clean program was called a leak, a leak was missed at the longest length, or no report came.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "leaks"))

from known_answers import (  # noqa: E402
    LENGTHS,
    Clean,
    Leak,
    allocation_lines,
    allowed_verdicts,
    cases,
    explains,
    insertion_lines,
    lines_that_allocate,
    lines_that_grow,
    names_owner,
    owner_path,
    rate_error,
    suspects,
)
from profiled import ProfileFailed, lacking, profile, target_for  # noqa: E402


@dataclass(frozen=True)
class Answer:
    """What was said about one program at one length. None: not asked of it, or not said."""

    case: Leak | Clean
    n: int
    verdict: str
    right: bool
    kind: str | None = None
    kind_right: bool | None = None
    owner: str | None = None
    owner_right: bool | None = None
    line_right: bool | None = None
    site_right: bool | None = None
    rate_error: float | None = None

    @property
    def truth(self) -> str:
        if isinstance(self.case, Leak):
            return "leak" if self.n > self.case.from_turn else "not yet a leak"
        return "unknowable" if self.case.cannot_tell else "clean"

    @property
    def grave(self) -> bool:
        """A false alarm, no answer, or a leak missed at the longest length."""
        if self.verdict.startswith("failed"):
            return True
        if self.truth == "clean":
            return self.verdict == "leak"
        return self.truth == "leak" and self.n == max(LENGTHS) and self.verdict != "leak"


def ask(case: Leak | Clean, n: int, python: str, target_python: str | None) -> Answer:
    try:
        report = profile(
            case.program, str(n), python=python, target_python=target_for(case.needs, target_python)
        )
    except ProfileFailed as failed:
        return Answer(case, n, f"failed ({failed})", right=False)
    verdict = report["verdict"]
    right = verdict in allowed_verdicts(case, n)
    if isinstance(case, Clean):
        named = suspects(report) or report["findings"]
        return Answer(
            case, n, verdict, right,
            kind=named[0]["kind"] if named else None,
            kind_right=explains(case, report) if case.says and n >= 40 else None,
            owner=owner_path(named[0]) if named else None,
        )  # fmt: skip
    if not suspects(report):
        return Answer(case, n, verdict, right)
    worst = suspects(report)[0]
    allocated = allocation_lines(worst)
    return Answer(
        case, n, verdict, right,
        kind=worst["kind"],
        kind_right=worst["kind"] in case.kinds,
        owner=owner_path(worst),
        owner_right=None if case.owner is None else names_owner(case, owner_path(worst)),
        line_right=bool(insertion_lines(worst) & lines_that_grow(case.program)),
        site_right=bool(allocated & lines_that_allocate(case.program)) if allocated else None,
        rate_error=rate_error(case, worst),
    )  # fmt: skip


def ask_all(options: argparse.Namespace, python: str) -> Iterator[Answer]:
    chosen = [
        case
        for case in cases(held_out=options.held_out)
        if (not options.only or case.name in options.only) and not (case.heavy and options.no_heavy)
    ]
    for needs in sorted({case.needs for case in chosen if case.needs}):
        absent = lacking(needs, target_for(needs, options.target_python) or python)
        for case in [case for case in chosen if absent & set(case.needs)]:
            print(f"  skipped {case.program.stem}: needs {', '.join(case.needs)}")
            chosen.remove(case)
    with ThreadPoolExecutor(options.jobs) as pool:
        waiting = [
            pool.submit(ask, case, n, python, options.target_python)
            for n in options.lengths
            for case in chosen
        ]
        for future in waiting:
            answer = future.result()
            print(row(answer), flush=True)
            yield answer


def row(answer: Answer) -> str:
    rate = "" if answer.rate_error is None else f"{answer.rate_error:+.0%}"
    asked = (
        ("K", answer.kind_right),
        ("O", answer.owner_right),
        ("L", answer.line_right),
        ("A", answer.site_right),
    )
    marks = "".join(
        f"{letter.lower()}!" if right is False else letter if right else "-" for letter, right in asked
    )
    flag = "ok" if answer.right else "WRONG" if answer.grave else "soft"
    program = f"{flag:6}{answer.n:3} {answer.case.program.stem:32}"
    return f"{program} {answer.verdict:12}{marks:9}{rate:>6}  {answer.kind or '':20} {answer.owner or ''}".rstrip()


def summary(answers: list[Answer]) -> str:
    lines = ["", "confusion (rows: the truth; columns: what was said)"]
    said = sorted({answer.verdict.split(" ")[0] for answer in answers})
    lines.append(f"{'':22}" + "".join(f"{verdict:>14}" for verdict in said))
    lengths = sorted({answer.n for answer in answers})
    for n in lengths:
        counted = Counter((a.truth, a.verdict.split(" ")[0]) for a in answers if a.n == n)
        for truth in sorted({truth for truth, _ in counted}):
            lines.append(
                f"N={n:<3} {truth:16}" + "".join(f"{counted[truth, verdict]:>14}" for verdict in said)
            )
    lines += ["", "of the leaks found, right"]
    lines.append(f"{'':8}" + "".join(f"{title:>17}" for title in (*_ASKED, "rate error")))
    for n in lengths:
        lines.append(f"N={n:<6}" + _rights([a for a in answers if a.n == n]))
    if len(lengths) > 1:
        lines.append("total   " + _rights(answers))
    return "\n".join(lines)


_ASKED = ("found", "kind", "owner", "insertion line", "allocation site")


def _rights(answers: list[Answer]) -> str:
    """One row: shares of what is right among the leaks that were found, and the middle error of the rate."""
    leaks = [a for a in answers if a.truth == "leak"]
    found = [a for a in leaks if a.verdict == "leak"]
    asked = [
        share(a.verdict == "leak" for a in leaks),
        share(a.kind_right for a in found),
        share(a.owner_right for a in found),
        share(a.line_right for a in found),
        # An allocation site that was not said is not right.
        share(bool(a.site_right) for a in found),
    ]
    rates = [abs(a.rate_error) for a in found if a.rate_error is not None]
    middle = f"{statistics.median(rates):.0%}" if rates else "unknown"
    return "".join(f"{text:>17}" for text in (*asked, middle))


def share(judged: Iterator[bool | None]) -> str:
    known = [right for right in judged if right is not None]
    return f"{sum(known)} of {len(known)}"


def interpreters(versions: list[str]) -> list[str]:
    """Return the interpreters to run leakhunt in: this one, or those that `make test VENV=` made."""
    found = [str(ROOT / f".venv-{version}" / "bin" / "python") for version in versions]
    for python in found:
        if not Path(python).exists():
            sys.exit(f"{python} is missing: make test PYTHON=python3.x VENV=.venv-3.x creates it")
    return found or [sys.executable]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--held-out", action="store_true", help="judge the programs that were set aside")
    parser.add_argument("--lengths", type=int, nargs="+", default=list(LENGTHS))
    parser.add_argument("--no-heavy", action="store_true", help="leave out what takes gigabytes")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="these cases only")
    parser.add_argument("--pythons", nargs="+", default=[], metavar="3.X", help="run leakhunt in .venv-3.X")
    parser.add_argument(
        "--target-python", metavar="PATH", help="run the programs by this interpreter (--python)"
    )
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    grave: list[Answer] = []
    for python in interpreters(options.pythons):
        print(f"\nleakhunt in {python}")
        answers = list(ask_all(options, python))
        print(summary(answers))
        grave += [answer for answer in answers if answer.grave]
    print(f"\n{len(grave)} false alarms, missed leaks and failures" + "".join(f"\n  {row(a)}" for a in grave))
    sys.exit(1 if grave else 0)


if __name__ == "__main__":
    main()
