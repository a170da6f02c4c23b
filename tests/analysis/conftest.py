"""Fixtures of this room's tests."""

from __future__ import annotations

import textwrap

import pytest

from leakhunt.analysis.script import examine_script


@pytest.fixture
def examined(tmp_path, monkeypatch):
    """Examine a script; return what was found as (slug, line)."""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)

    def examine(text, *, processors=8, workers=None, without=("workers-forked",), **others):
        for name, other in others.items():
            (tmp_path / f"{name}.py").write_text(textwrap.dedent(other))
        script = tmp_path / "script.py"
        script.write_text(textwrap.dedent(text))
        found = examine_script(script, workers=workers, processors=processors)
        return [(one.slug, one.where.line) for one in found if one.slug not in without]

    return examine
