"""Asks every rule of advice about every leak, then those about the run as a whole.

Each rule answers with a change to make or with nothing. The lists below are the order in which rules are
asked; the first two that fit a finding are given.
"""

from __future__ import annotations

from collections.abc import Callable

from leakhunt.analysis import (
    advice_code,
    advice_containers,
    advice_layers,
    advice_objects,
    advice_run,
    known_leaks,
)
from leakhunt.analysis.advised import Setting, is_leak, tagged
from leakhunt.analysis.cases import Case, sources_of
from leakhunt.analysis.columns import read_only_used_columns
from leakhunt.findings.diagnosis import Memory, Recommendation
from leakhunt.model.run import LoopTrace, Run

Rule = Callable[[Case, Setting], Recommendation | None]

#: Specific shapes first, so that what everybody could be told comes last.
RULES: tuple[Rule, ...] = (
    known_leaks.advise_upgrade,
    advice_objects.take_modules_out,
    advice_objects.detach_tensors,
    advice_objects.close_figures,
    advice_objects.keep_text_of_exceptions,
    advice_objects.join_threads,
    advice_objects.one_session_for_the_run,
    advice_layers.close_handles,
    advice_layers.let_the_collector_run,
    advice_layers.unlink_segments,
    advice_layers.unmap,
    advice_layers.isolate_native_code,
    advice_layers.keep_off_the_gpu,
    advice_objects.finish_tasks,
    advice_objects.close_generators,
    advice_objects.one_pool_for_the_run,
    advice_layers.trim_fragments,
    advice_containers.cache_not_on_method,
    advice_containers.bound_lru_cache,
    advice_containers.lower_the_bound,
    advice_containers.add_handlers_once,
    advice_containers.no_mutable_default,
    advice_code.clear_before_fill,
    advice_code.define_class_once,
    advice_code.leave_object_out,
    advice_code.save_each_unit,
    advice_code.stop_copying_into_one,
    known_leaks.advise_known,
    advice_containers.bound_deque,
    advice_containers.bound_cache,
    advice_code.nothing_reads_it,
    advice_containers.drop_when_done,
)
#: What costs memory in every run, leak or not: asked once per run.
RUN_RULES: tuple[Callable[[Setting], Recommendation | None], ...] = (
    read_only_used_columns,
    advice_run.one_pool_for_all,
    advice_run.cap_threads,
    advice_run.read_the_arguments,
)
_MOST_PER_FINDING = 2
_LAST_RESORT = frozenset({"drop-when-done"})


def advise(run: Run, loop: LoopTrace, cases: list[Case], memory: Memory) -> list[Recommendation]:
    """Return the changes to make, for the worst finding first, those about the run last; each is given once."""
    setting = Setting(run, loop, memory, sources_of(run))
    given: dict[tuple[str, object], Recommendation] = {}
    for case in cases:
        found, asked = 0, _behind(case, cases)
        for rule in RULES:
            advice = rule(asked, setting)
            if advice is None or (found and advice.slug in _LAST_RESORT):
                continue
            known = given.get((advice.slug, advice.where))
            if known is not None:
                known.findings.append(case.finding.id)
            else:
                given[advice.slug, advice.where] = advice
                advice.findings[:] = [case.finding.id]
            found += 1
            if found == _MOST_PER_FINDING:
                break
    general = [advice for rule in RUN_RULES if (advice := rule(setting)) is not None]
    return _with_single_slugs([*given.values(), *general])


def _behind(case: Case, cases: list[Case]) -> Case:
    """Return what is to be changed for a finding: of native memory, the objects that own such memory and pile up.

    A figure has a canvas and fonts in C++, a thread has a stack: with them their native memory goes.
    """
    if case.finding.kind != "native-growth":
        return case
    owning = (one for one in cases if is_leak(one) and tagged(one, "figure", "thread"))
    return next(owning, case)


def _with_single_slugs(advice: list[Recommendation]) -> list[Recommendation]:
    """Findings name advice by slug: of several with one slug, the first (worst finding's) stays."""
    return list({one.slug: one for one in reversed(advice)}.values())[::-1]
