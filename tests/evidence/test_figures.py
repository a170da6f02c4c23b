"""Figures of memory in lines of logs: sizes with units, and what is left apart from what is in use."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from properties import settled

from leakhunt.evidence.figures import available_of, figures_in, size_in, used_of

GB, GIB, MIB = 10**9, 2**30, 2**20


@pytest.mark.parametrize(("line", "used", "left"), [
    ("✅ Worker 1 PID 17650 healthy (age: 74s/3600s, mem: 2.27GB, restart in 3526s)", 2.27 * GB, None),
    ("Memory usage: 29.41 GB / 31.23 GB (94.2%)", 29.41 * GB, None),
    ("Available memory: 1.8 GB", None, 1.8 * GB),
    ("Available: 1.82 GB (below 2.0 GB threshold)", None, 1.82 * GB),
    ("Worker 1 (PID 12345) using 8.2GB (limit: 8.0GB)", 8.2 * GB, None),
    ("mem avail:   554 of  7721 MiB ( 7.18%), swap free:  742 of 7720 MiB ( 9.62%)", None, 554 * MIB),
    ('sending SIGTERM to process 9994 uid 1000 "x": badness 1181, VmRSS 4568 MiB', 4568 * MIB, None),
    ("Process memory: 3.60 GiB -- Worker memory limit: 4.00 GiB", 3.6 * GIB, None),
    ("RSS=1234 MB after epoch 3", 1234 * 10**6, None),
    ("rss: 1,234,567,890 bytes", 1234567890, None),
    ("1.82 GB available, used 29,41 GB", 29.41 * GB, 1.82 * GB),
    ("memory free 24G", None, 24 * GB),
    ("downloaded 3.4 GB in 12 s", None, None),
    ("Safety threshold: 2.0 GB of memory", None, None),
    ("swap used 3.1 GB", None, None),
    ("batch_size 4K", None, None),
    ("memory pressure 12 MB/s", None, None),
])  # fmt: skip
def test_a_size_is_what_the_words_around_it_say(line: str, used: float | None, left: float | None) -> None:
    figures = figures_in(line)

    assert used_of(figures) == (None if used is None else round(used))
    assert available_of(figures) == (None if left is None else round(left))


def test_a_share_belongs_to_what_is_in_use() -> None:
    assert figures_in("Memory usage: 29.41 GB / 31.23 GB (94.2%)")[0].percent == 94.2


@pytest.mark.parametrize(("text", "size"), [("31Gi", 31 * GIB), ("2.27GB", 2.27 * GB), ("4514 MiB", 4514 * MIB),
                                            ("1,82 GB", 1.82 * GB), ("x", None), ("", None)])  # fmt: skip
def test_a_size_alone_is_read(text: str, size: float | None) -> None:
    assert size_in(text) == (None if size is None else round(size))


@settled
@given(st.text(alphabet="0123456789.,/%() GMKiBbytesmemoryavailablefreeof", max_size=120))
def test_any_text_is_looked_at_without_an_error(text: str) -> None:
    assert all(figure.bytes >= 0 for figure in figures_in(text))
