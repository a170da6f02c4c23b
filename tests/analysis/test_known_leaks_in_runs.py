"""A finding that a known leak fits says so and advises to upgrade; its verdict stays what it was."""

from __future__ import annotations

from described import MB, described, growth, loop_text

from leakhunt.analysis.diagnose import diagnose

FIGURES = "matplotlib._pylab_helpers.Gcf.figs"


def figures_kept(versions: str):
    agent = (
        loop_text(40, lambda turn: (100 + 0.02 * turn) * MB) + f"\nevent t=1 name=versions detail={versions}"
    )
    kept = growth(FIGURES, root="module", type="collections.OrderedDict", module="matplotlib._pylab_helpers")
    return diagnose(described(agent, growths=[kept]))


def test_the_package_its_version_and_the_reference_are_in_the_evidence():
    (finding,) = figures_kept('{"matplotlib":"3.9.2"}').findings

    assert finding.verdict == "leak"
    assert any(
        said.startswith(
            "matplotlib 3.9.2 is known for it: pyplot keeps every figure until it is closed (https://"
        )
        for said in finding.evidence
    )


def test_nothing_is_said_when_the_package_was_not_imported():
    (finding,) = figures_kept('{"numpy":"2.0"}').findings

    assert not any("is known for it" in said for said in finding.evidence)


def test_the_verdict_is_the_same_with_and_without():
    known, unknown = figures_kept('{"matplotlib":"3.9.2"}'), figures_kept('{"numpy":"2.0"}')

    assert [one.verdict for one in known.findings] == [one.verdict for one in unknown.findings]
    assert known.verdict == unknown.verdict


def cached_requests(version: str):
    agent = loop_text(40, lambda turn: (100 + 0.02 * turn) * MB)
    agent += f'\nevent t=1 name=versions detail={{"aiohttp":"{version}"}}'
    path = "cache of _build_middlewares (functools.lru_cache)"
    return diagnose(
        described(agent, growths=[growth(path, root="module", type="functools._lru_cache_wrapper")])
    )


def test_an_upgrade_is_advised_where_a_release_helps():
    diagnosis = cached_requests("3.10.10")

    advice = diagnosis.recommendations[0]
    assert advice.slug == "upgrade-package"
    assert 'pip install "aiohttp>=3.10.11"' in advice.do
    assert "GHSA-27mf-ghqm-j3j8" in advice.why
    assert diagnosis.findings[0].advice[0] == "upgrade-package"


def test_no_upgrade_is_advised_to_those_who_have_it():
    assert "upgrade-package" not in [one.slug for one in cached_requests("3.10.11").recommendations]
