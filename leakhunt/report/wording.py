"""What a report says about the run as a whole, in short sentences: verdict, end, loops, memory, limit.

Works on what `text.drawable` returned. Decides nothing: every number and every verdict is the diagnosis's.
"""

from __future__ import annotations

import posixpath
import sys

from leakhunt.findings.diagnosis import Diagnosis, Finding, Loop, Loss, Position
from leakhunt.report.phrase import Code, Phrase, Strong, between, joined, plural
from leakhunt.report.text import NAME, SENTENCE, VALUE, one_line
from leakhunt.units import format_bytes, format_count, format_seconds

VERDICTS = {"leak": "LEAK", "no-leak": "NO LEAK", "cannot-tell": "CANNOT TELL"}
STEP = " \u203a "

_COUNTED = {"handle-growth": "open file", "thread-growth": "thread", "process-growth": "process"}
_SIGNAL_ENDS = {
    "oom-killed": "The kernel killed it for lack of memory",
    "limit-killed": "leakhunt stopped it at its memory limit",
    "killed": "It was killed",
    "interrupted": "It was interrupted",
}


def counted_noun(finding: Finding) -> str:
    """Return what the finding counts: items, open files, threads, processes."""
    return _COUNTED.get(finding.kind, "item")


def place(file: str, line: int | None, diagnosis: Diagnosis) -> Code:
    """Return `file:line` as one would type it beside the target, or from the installed package on."""
    shown = file.replace("\\", "/")
    root = _root(diagnosis)
    if root and shown.startswith(root + "/"):
        shown = shown[len(root) + 1 :]
    elif "/site-packages/" in shown:
        shown = shown.rpartition("/site-packages/")[2]
    return Code(one_line(shown if line is None else f"{shown}:{line}", NAME))


def _root(diagnosis: Diagnosis) -> str:
    """Return the folder that paths are told from: where the target's own path, as typed, begins."""
    target = diagnosis.run.target.replace("\\", "/")
    followed = [loop.file.replace("\\", "/") for loop in diagnosis.loops]
    if posixpath.isabs(target):
        return posixpath.dirname(target)
    begun = [file[: -len(target) - 1] for file in followed if target and file.endswith("/" + target)]
    if begun:
        return begun[0]
    folders = {posixpath.dirname(file) for file in followed}
    return posixpath.commonpath(folders) if folders and all(map(posixpath.isabs, folders)) else ""


def primary_loop(diagnosis: Diagnosis) -> Loop | None:
    """Return the loop that the verdict is "per iteration" of."""
    return next((loop for loop in diagnosis.loops if loop.primary), None)


def loop_name(loop: Loop) -> Phrase:
    """Return the loop as one says it: "the loop over lam"."""
    if loop.kind == "call":
        return ("the calls of ", Code(one_line(loop.function, NAME)))
    word = {"while": "while loop", "comprehension": "comprehension", "async-for": "async loop"}.get(
        loop.kind, "loop"
    )
    if not loop.variables:
        return (f"the {word}",)
    return (f"the {word} over ", Code(one_line(", ".join(loop.variables), NAME)))


def headline(diagnosis: Diagnosis) -> Phrase:
    """Return the answer in one or two sentences."""
    loop = primary_loop(diagnosis)
    where: Phrase = (*loop_name(loop), " (", place(loop.file, loop.line, diagnosis), ")") if loop else ()
    if diagnosis.verdict == "leak":
        return _leak_headline(diagnosis, where)
    if diagnosis.verdict == "no-leak":
        if loop is None:
            return ("Nothing leaks.",)
        return ("Nothing leaks over ", f"{plural(loop.iterations, 'iteration')} of ", *where, ".")
    more = diagnosis.more_iterations
    if loop is None:
        return ("Not decided: no loop was followed.",)
    advice = f" About {plural(more, 'more iteration')} would decide." if more else ""
    return ("Not decided after ", f"{plural(loop.iterations, 'iteration')} of ", *where, ".", advice)


def other_reasons(diagnosis: Diagnosis) -> list[str]:
    """Return the reasons of the verdict that do not only repeat a finding told below."""
    titles = tuple(finding.title.rstrip(".") for finding in diagnosis.findings if finding.title)
    return [reason for reason in diagnosis.reasons if not titles or not reason.startswith(titles)]


def _leak_headline(diagnosis: Diagnosis, where: Phrase) -> Phrase:
    leaks = [finding for finding in diagnosis.findings if finding.verdict == "leak"]
    each: Phrase = ("Each iteration of ", *where) if where else ("The run",)
    if not leaks:
        rate = diagnosis.memory.bytes_per_iteration if diagnosis.memory else None
        amount = Strong(format_bytes(rate) if rate else "memory")
        return (*each, " leaves ", amount, " behind. What holds it was not found.")
    worst = leaks[0]
    if worst.bytes_per_iteration:
        amount = Strong(format_bytes(worst.bytes_per_iteration))
    elif worst.count_per_iteration:
        amount = Strong(plural(round(worst.count_per_iteration, 2), *_nouns(worst)))
    else:
        amount = Strong("memory")
    held: Phrase = (" in ", Code(one_line(worst.owner.path, NAME))) if worst.owner else ()
    others = len(leaks) - 1
    rest = f" {plural(others, 'more thing')} {'leaks' if others == 1 else 'leak'} too." if others else ""
    return (*each, " leaves ", amount, " behind", *held, ".", rest)


def _nouns(finding: Finding) -> tuple[str, str]:
    noun = counted_noun(finding)
    return noun, noun + ("es" if noun.endswith("s") else "s")


def ending(diagnosis: Diagnosis) -> Phrase:
    """Return how the run ended, after how long, and where its loops stood."""
    run = diagnosis.run
    lasted = None if run.ended is None else run.ended - run.started
    after = f" after {format_seconds(lasted)}" if lasted is not None and lasted >= 0 else ""
    signal = f" ({one_line(run.signal, NAME)})" if run.signal else ""
    code = "" if run.exit_code is None else f", exit code {run.exit_code}"
    if run.outcome == "completed":
        said: Phrase = (f"The script ran to its end{after}{code if run.exit_code else ''}",)
    elif run.outcome == "failed":
        problem = (diagnosis.exception or "").strip().splitlines()
        said = (
            f"The script failed{after}{code}",
            *((": ", Code(one_line(problem[-1], 160))) if problem else ()),
        )
    elif run.outcome == "braked":
        said = (f"The memory brake stopped the script{after}{code}",)
    elif run.outcome == "unknown":
        said = ("How the run ended is not known",)
    else:
        said = (f"{_SIGNAL_ENDS[run.outcome]}{signal}{after}",)
    at = position(diagnosis)
    if at and run.outcome != "completed":
        return (*said, ". It stood at ", *at, ".")
    return (*said, ".")


def position(diagnosis: Diagnosis) -> Phrase:
    """Return the stack of open loops: `lam = 3e-08 (7/10) > beta = 3.3 (8/9)`."""
    kinds = {loop.id: loop for loop in diagnosis.loops}
    return joined(((Code(open_loop(at, kinds.get(at.loop))),) for at in diagnosis.position), STEP)


def open_loop(at: Position, loop: Loop | None = None) -> str:
    """Return one open loop: `lam = 3e-08 (7/10)`."""
    turn = f"({at.number}/{at.total})" if at.total is not None else f"(iteration {at.number})"
    if not at.variables:
        name = one_line(loop.function, NAME) if loop else "loop"
        return f"{name} {turn}"
    names = [one_line(name, VALUE) for name in at.variables]
    if at.values is None:
        return f"{', '.join(names)} {turn}"
    values = [one_line(value, VALUE) for value in at.values]
    if len(values) != len(names):
        return f"{', '.join(names)} = {', '.join(values)} {turn}"
    said = ", ".join(f"{name} = {value}" for name, value in zip(names, values, strict=True))
    return f"{said} {turn}"


def loop_depth(loop: Loop, diagnosis: Diagnosis) -> int:
    """Return how many followed loops enclose `loop`."""
    parents = {one.id: one.parent for one in diagnosis.loops}
    depth, parent = 0, loop.parent
    while parent in parents and depth < len(parents):
        depth, parent = depth + 1, parents[parent]
    return depth


def loop_line(loop: Loop, diagnosis: Diagnosis) -> Phrase:
    """Return one followed loop: what, where, how many iterations, how long each."""
    name = ", ".join(loop.variables) or {"call": loop.function}.get(loop.kind, loop.kind)
    done = plural(loop.iterations, "iteration")
    if loop.total is not None and loop.total >= loop.iterations:
        done = f"{format_count(loop.iterations)} of {plural(loop.total, 'iteration')}"
    each = (
        "" if loop.seconds_per_iteration is None else f", {format_seconds(loop.seconds_per_iteration)} each"
    )
    inside = (
        f" in {one_line(loop.function, NAME)}" if loop.function and not loop.function.startswith("<") else ""
    )
    return (
        Code(one_line(name, NAME)),
        "  ",
        place(loop.file, loop.line, diagnosis),
        f"{inside}: {done}{each}",
    )


def shown_loops(diagnosis: Diagnosis, most: int) -> list[Loop]:
    """Return at most `most` loops: the primary one and its parents first, in their order."""
    by_id = {loop.id: loop for loop in diagnosis.loops}
    wanted: list[str] = []
    loop = primary_loop(diagnosis)
    while loop is not None and loop.id not in wanted:
        wanted.append(loop.id)
        loop = by_id.get(loop.parent) if loop.parent else None
    wanted += [one.id for one in diagnosis.loops if one.id not in wanted]
    kept = set(wanted[:most])
    return [one for one in diagnosis.loops if one.id in kept]


def memory_line(diagnosis: Diagnosis) -> Phrase | None:
    """Return resident memory from the start to the end, and its peak."""
    memory, run = diagnosis.memory, diagnosis.run
    if memory is None or memory.start is memory.end is memory.peak is None:
        return (f"peak {format_bytes(run.peak_rss)}",) if run.peak_rss is not None else None
    parts: list[Phrase] = []
    if memory.start is not None and memory.end is not None:
        parts.append((f"from {format_bytes(memory.start)} to {format_bytes(memory.end)}",))
    else:
        known = ((memory.start, "at the start"), (memory.end, "at the end"))
        parts += [(f"{format_bytes(size)} {when}",) for size, when in known if size is not None]
    if memory.peak is not None:
        parts.append((f"peak {format_bytes(memory.peak)}",))
    if run.peak_rss is not None and run.processes > 1:
        parts.append((f"peak of all {run.processes} processes {format_bytes(run.peak_rss)}",))
    return joined(parts)


def growth_line(diagnosis: Diagnosis) -> Phrase | None:
    """Return growth of resident memory per iteration, with its interval."""
    memory = diagnosis.memory
    if memory is None or memory.bytes_per_iteration is None:
        return None
    rate = format_bytes(memory.bytes_per_iteration, signed=True)
    shape = f", {one_line(memory.shape, NAME)}" if memory.shape and memory.shape != "growing" else ""
    return (Strong(rate), f" per iteration{between(memory.bytes_per_iteration_ci)}{shape}")


def limit_line(diagnosis: Diagnosis) -> Phrase | None:
    """Return when memory runs out at this rate."""
    forecast = diagnosis.forecast
    if forecast is None or forecast.limit is None:
        return None
    source = f" ({one_line(forecast.source, NAME)})" if forecast.source else ""
    limit = f"{format_bytes(forecast.limit)}{source}"
    left, seconds = forecast.iterations_to_limit, forecast.seconds_to_limit
    if left is None and seconds is None:
        return (limit,)
    if (left is not None and left <= 0) or (seconds is not None and seconds <= 0):
        return (f"{limit}: ", Strong("reached"))
    turns = None if left is None else plural(_rounded(left), "more iteration")
    time = None if seconds is None else format_seconds(seconds)
    when = f"{turns} ({time})" if turns and time else turns or time or ""
    return (f"{limit}: at this rate reached in about ", Strong(when))


def _rounded(count: float) -> float:
    """Three digits: a forecast is not known better."""
    if count < 3:
        return round(count, 1)
    # the largest floats would be rounded up to infinity
    return min(float(f"{count:.3g}"), sys.float_info.max)


def loss_line(loss: Loss) -> Phrase:
    """Return what was not seen and what to do about it."""
    said = one_line(loss.what, SENTENCE)
    if loss.count is None or loss.count < 2 or str(loss.count) in said:
        return (said,)
    return (f"{said} ({format_count(loss.count)} times)",)


def explain_line(diagnosis: Diagnosis) -> Phrase | None:
    """Return the command that explains the first word that a reader may stumble over."""
    words: list[str] = [finding.kind for finding in diagnosis.findings if finding.verdict != "no-leak"]
    words += [finding.kind for finding in diagnosis.findings]
    words += [loss.slug for loss in diagnosis.losses]
    if not words:
        return None
    return (Code(f"leakhunt explain {one_line(words[0], NAME)}"), "  (what it means and how to confirm it)")


def cost_line(diagnosis: Diagnosis) -> Phrase | None:
    """Return what leakhunt itself took in the target."""
    cost, parts = diagnosis.cost, []
    if cost.seconds is not None:
        share = f" ({cost.share:.1%} of the run)".replace("%", " %") if cost.share is not None else ""
        parts.append(f"{format_seconds(cost.seconds)}{share}")
    if cost.bytes is not None:
        parts.append(f"{format_bytes(cost.bytes)} of memory")
    if cost.longest_pause is not None:
        parts.append(f"longest pause {format_seconds(cost.longest_pause)}")
    return (", ".join(parts),) if parts else None
