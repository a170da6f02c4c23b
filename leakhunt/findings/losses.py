"""What each kind of loss means for the answer, and what to do about it."""

from __future__ import annotations

from leakhunt.findings.diagnosis import Loss

#: slug -> what to do about it. The text of a loss record says what was not seen.
WHAT_TO_DO: dict[str, str] = {
    "no-loop": "name the work as a function and run "
    "`leakhunt profile package.module:function --iterations 40`, or put the repeated work into a loop",
    "loop-not-found": "name a line on which a loop of your own code begins: --loop FILE:LINE",
    "loop-too-short": "give the program more to do: 20 turns decide most cases",
    "loop-too-fast": "let one turn do more work, or name an outer loop with --loop FILE:LINE",
    "supervisor-journal-missing": "keep the run directory whole; run it again to see the process tree",
    "agent-journal-missing": "check that the target is a Python script that leakhunt can start itself",
    "journal-damaged": "nothing to do when the run was killed; otherwise check the disk",
    "journal-unreadable": "check the permissions of the run directory",
    "journal-full": "free disk space, or put runs elsewhere with --home DIR",
    "journal-empty": "run it again",
    "journal-header": "nothing to do",
    "journal-torn": "nothing to do",
    "journal-gap": "do not edit or filter journals; if nobody did, check the disk",
    "journal-duplicate": "do not join journals of several runs",
    "journal-reordered": "do not sort journals",
    "journal-unknown-kind": "update leakhunt to read them",
    "samples-unplaced": "nothing to do: only these samples are missing",
    "census-lost": "run it again with more free memory, or longer: naming holders takes three censuses",
    "census-late": "run it again while the machine is less busy, and let it end by itself",
    "census-failed": "holders may go unnamed; run it on Linux, or with fewer threads",
    "census-inline": "the pauses are in the report's cost; nothing else is different",
    "census-skipped": "let it run longer: censuses wait until they cost less than 2 % of the time",
    "census-partial": "nothing to do when holders were named; otherwise profile a smaller input",
    "censuses-incomparable": "please report it with the run directory",
    "census-none": "let it run longer, so that there are at least three censuses after warm-up",
    "position-unreadable": "the position in the report is that of the last sample",
    "agent-error": "please report it; measurements may be incomplete",
    "supervisor-error": "please report it; what was measured inside the program stands",
    "gauges-unreadable": "memory was judged from what the supervisor saw",
    "native-memory-unseen": "install psutil 7.2 or later in the target's environment to see malloc",
    "insertion-unseen": "run it without the debugger or coverage tool to see the line",
    "lines-not-metered": "run it without the debugger, profiler or coverage tool to see the line",
    "window-tracemalloc": "nothing to do: the program's own traces are not disturbed",
    "window-in-use": "nothing to do: the program's own memray is not disturbed",
    "window-profiled": "run it without its profiler to see where the growing memory is allocated",
    "window-no-memray": "install memray in the target's environment to see where memory is allocated",
    "window-no-room": "free 256 MB of disk space, or put runs elsewhere with --home DIR",
    "window-unwritable": "check the disk and the permissions of the run directory",
    "window-unreadable": "run it again",
    "window-empty": "let the run go on longer",
    "window-unfinished": "let it end by itself, or run it again, to see where memory is allocated",
    "window-cut-fork": "make its worker processes before the loop, or record one turn with --allocations",
    "window-cut-cost": "run it with --allocations to record a few turns whatever it costs",
    "window-cut-size": "nothing to do when allocation sites were named; otherwise use an input that allocates less",
    "every-no-pympler": "install pympler in the target's environment to see sizes by type as it counts them",
    "every-no-memray": "install memray in the target's environment to see what native code allocates",
    "every-thinned": "nothing to do; to see each one, profile with fewer iterations",
    "every-full": "profile with fewer iterations, or leave out --every-iteration",
    "every-capture-full": "profile with fewer iterations to see what native code allocates in all of them",
    "traced-run": "profile it without --every-iteration to see its real times",
    "diff-no-lines": "profile it again with --every-iteration",
    "diff-no-native": "install memray in the target's environment and profile again with --every-iteration",
    "hard-limit-missed": "the supervisor's own bound still holds; start it again to have the kernel's, too",
    "timeline-cut": "nothing to do; `leakhunt dump` prints every record",
    "plan-stopped": "give --vary smaller values",
    "plan-model-off": "take its figures with that margin, or give more --runs and --seconds",
    "plan-no-loop": "put the repeated work into a loop of the script's own to see speed and growth",
    "source-changed": "profile the file as it is now: advice is given only for the source that ran",
    "log-empty": "check that it is the right file",
    "log-undated": "let its program write timestamps, or give a log of the same program that has them",
    "log-not-understood": "write rules for it: --rules FILE",
    "log-boot-clock": "write it with `dmesg --time-format iso` or `journalctl -k -o short-iso`",
    "log-date-unknown": "give another log of that time, with --log",
    "log-date-assumed": "give a log with whole dates when that is wrong",
    "log-date-order": "write dates as 2026-02-03",
    "log-line-cut": "nothing to do when the story is whole",
    "log-zeros": "see what is before and after them: the machine went down about then",
    "log-too-varied": "narrow your rules, or cut the log to the time that matters",
    "log-broken": "copy it again",
    "log-zone": "name another with --timezone",
}


def explained(slug: str, what: str, count: int | None = None) -> Loss:
    """Return the loss with what to do about it at its end, where that is known and not said yet."""
    remedy = WHAT_TO_DO.get(slug)
    what = _begun(what.strip())
    if remedy and remedy not in what and ":" not in what[-80:]:
        what = f"{what}: {remedy}" if what else remedy
    return Loss(slug, what, count)


def _begun(sentence: str) -> str:
    """Return the sentence with a capital letter, unless it begins with a name: a file, an option, a class."""
    word = sentence.partition(" ")[0].rstrip(",:;")
    return sentence[:1].upper() + sentence[1:] if word.isalpha() and word.islower() else sentence
