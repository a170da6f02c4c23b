"""CPython's own tests have the same outcome when their loops are followed."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from corpus import AS_TEST, KNOWN, NAMES, compare, exists

#: Every second of the list, so some of every kind; `corpus.py` runs all of them.
WANTED = [name for name in NAMES if name not in KNOWN and exists(name)][::2]


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("name", [*WANTED, *(f"-m test {name}" for name in AS_TEST)])
def test_pythons_own_tests_end_alike(name: str, tmp_path: Path) -> None:
    plain, followed = compare(name, tmp_path)

    assert plain.told, "the module ran no test"
    assert (followed.exit_code, followed.told) == (plain.exit_code, plain.told)
