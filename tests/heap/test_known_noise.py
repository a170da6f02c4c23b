"""Holders of the interpreter, the standard library and pytest that grow without being anybody's leak."""

from __future__ import annotations

import pytest

from leakhunt.census.noise import noise_of


@pytest.mark.parametrize(
    ("key", "what"),
    [
        ("linecache.cache", "source lines"),
        ("sys.meta_path[*]._marked_for_rewrite_cache", "pytest was asked to rewrite"),
        ("sys.path_importer_cache", "import system"),
        ("_pytest.logging.records", "tools that watch"),
    ],
)
def test_what_others_are_known_to_keep_is_harmless(key, what):
    assert what in noise_of(key)


@pytest.mark.parametrize(
    "key", ["sys.meta_path", "sys.meta_path[*].seen", "job.linecache", "service._active"]
)
def test_what_looks_like_it_and_is_the_programs_own_is_not(key):
    assert noise_of(key) is None
