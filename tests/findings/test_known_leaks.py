"""Known leaks of packages: said of what they fit, in the versions that have them, and of nothing else."""

from __future__ import annotations

import re

import pytest
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from leakhunt.census import noise
from leakhunt.findings.catalogue import KINDS
from leakhunt.findings.known import KNOWN, PYTHON, Known, is_affected, known_for

FIGURES = "matplotlib._pylab_helpers.Gcf.figs collections.OrderedDict"


def slugs(versions, *, kind="growing-container", owner="app.rows list", lines=()):
    return [entry.slug for entry in known_for(versions, kind=kind, owner=owner, lines=list(lines))]


@pytest.mark.parametrize("entry", KNOWN, ids=lambda entry: entry.slug)
def test_an_entry_has_a_public_reference_and_says_how_it_is_recognised(entry: Known):
    assert re.match(r"https://\S+$", entry.reference)
    assert entry.owner or entry.code
    assert entry.kinds <= set(KINDS)
    assert entry.what[0].islower() or entry.what.split()[0] in ("DataFrame.to_json", "Keras")
    SpecifierSet(entry.affected)
    for pattern in (entry.owner, entry.code, entry.file):
        re.compile(pattern or "")


@pytest.mark.parametrize("entry", [one for one in KNOWN if one.fixed], ids=lambda entry: entry.slug)
def test_the_release_that_fixed_it_does_not_have_it(entry: Known):
    assert str(Version(entry.fixed)) == entry.fixed
    assert not is_affected(entry, entry.fixed)


def test_no_two_entries_have_one_name():
    assert len({entry.slug for entry in KNOWN}) == len(KNOWN)


def test_a_leak_of_an_affected_release_is_known():
    line = ("/app/sweep.py", "text = frame.to_json()")

    assert slugs({"pandas": "1.3.5"}, kind="native-growth", lines=[line]) == ["pandas-to-json"]


def test_the_same_line_under_a_release_without_it_is_not():
    line = ("/app/sweep.py", "text = frame.to_json()")

    assert slugs({"pandas": "1.4.0"}, kind="native-growth", lines=[line]) == []


def test_another_kind_of_growth_on_the_same_line_is_not():
    line = ("/app/sweep.py", "texts.append(frame.to_json())")

    assert slugs({"pandas": "1.3.5"}, kind="growing-container", lines=[line]) == []


def test_a_package_that_was_not_imported_is_not_blamed():
    assert slugs({"numpy": "2.0"}, owner=FIGURES) == []
    assert slugs({"numpy": "2.0", "matplotlib": "3.9.0"}, owner=FIGURES) == ["matplotlib-figures"]


def test_a_version_that_cannot_be_read_is_not_affected():
    assert not is_affected(KNOWN[0], "unknown-local-build")


def test_a_line_must_be_in_the_file_that_leaks():
    frame = "session"

    assert slugs({PYTHON: "3.11.7"}, kind="native-growth", lines=[("/usr/lib/ssl.py", frame)]) == [
        "python-ssl-session"
    ]
    assert slugs({PYTHON: "3.11.7"}, kind="native-growth", lines=[("/app/web.py", frame)]) == []
    assert slugs({PYTHON: "3.13.1"}, kind="native-growth", lines=[("/usr/lib/ssl.py", frame)]) == []


def test_an_ordinary_list_is_nobodys_known_leak():
    everything = {entry.package: "1.10.2" for entry in KNOWN} | {PYTHON: "3.12.0"}

    assert slugs(everything, lines=[("/app/sweep.py", "rows.append(result)")]) == []


def test_what_is_harmless_has_references_in_the_same_form():
    references = [reference for _, _, reference in noise._PATTERNS if reference]

    assert len(references) >= 10
    assert all(reference.startswith("https://") for reference in references)
