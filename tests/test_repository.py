"""The repository agrees with itself: versions, links, commands that the documents name."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = sorted(
    path
    for path in (*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("fixtures/**/*.md"),
                 *ROOT.glob("benchmarks/*.md"), *ROOT.glob("tests/*.md"))
)  # fmt: skip
LINK = re.compile(r"(?<!!)\[[^\]]+\]\((?!https?:|mailto:)([^)#\s]*)(?:#([^)\s]+))?\)")
CODE = re.compile(r"```.*?```|`[^`\n]+`", re.DOTALL)


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


def anchors(document: Path) -> set[str]:
    """Return the anchors of a document's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ +(.+?)\s*$", CODE_FENCE.sub("", document.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


CODE_FENCE = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)


def make_targets() -> set[str]:
    return set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def in_code(pattern: str) -> list[tuple[str, str]]:
    """Return (document, match) for each match of `pattern` in the code of the documents."""
    return [
        (relative(document), found)
        for document in DOCUMENTS
        for code in CODE.findall(document.read_text())
        for found in re.findall(pattern, code)
    ]


@pytest.mark.parametrize("document", DOCUMENTS, ids=relative)
def test_every_link_in_a_document_resolves(document: Path) -> None:
    for target, anchor in LINK.findall(CODE_FENCE.sub("", document.read_text())):
        file = (document.parent / target) if target else document
        assert file.exists(), f"{relative(document)} links to {target}, which does not exist"
        if anchor and file.suffix == ".md":
            assert anchor in anchors(file), f"{relative(document)} links to {target}#{anchor}"


def test_every_make_target_that_the_documents_name_exists() -> None:
    named = in_code(r"\bmake ([a-z][a-z-]+)")

    assert named
    assert [(document, target) for document, target in named if target not in make_targets()] == []


def test_every_verb_of_leakhunt_that_the_documents_name_exists() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "leakhunt", "--help"], capture_output=True, text=True, check=True
    )  # fmt: skip
    verbs = set(re.findall(r"^  ([a-z][a-z-]*)", done.stdout, re.MULTILINE))

    named = in_code(r"(?m)(?:^|[`/]) *leakhunt ([a-z]{2,})\b")

    assert named
    assert [(document, verb) for document, verb in named if verb not in verbs] == []


def test_every_option_of_profile_that_the_documents_name_exists() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "leakhunt", "profile", "--help"], capture_output=True, text=True, check=True
    )
    options = set(re.findall(r"(--[a-z][a-z-]+)", done.stdout))

    reference = (ROOT / "docs" / "reference" / "cli.md").read_text()
    section = reference.partition("## leakhunt profile")[2].partition("\n## ")[0]

    assert set(re.findall(r"`(--[a-z][a-z-]+)", section)) | {"--help"} == options


def test_the_exit_codes_in_the_documents_are_those_of_the_code() -> None:
    from leakhunt import errors

    reference = (ROOT / "docs" / "reference" / "exit-codes.md").read_text()
    documented = {int(code) for code in re.findall(r"^\| (\d+) ", reference, re.MULTILINE)}

    assert {errors.EXIT_LEAK, errors.EXIT_USAGE, errors.EXIT_YIELDED, errors.EXIT_REFUSED} <= documented


def test_the_python_versions_agree() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())

    assert project["project"]["requires-python"] == ">=3.10"
    assert project["tool"]["ruff"]["target-version"] == "py310"
    assert "for version in 3.10 3.11 3.12 3.13;" in (ROOT / ".ci" / "run").read_text()


def test_the_version_is_a_version_and_the_command_prints_it() -> None:
    from leakhunt._version import __version__

    done = subprocess.run(
        [sys.executable, "-m", "leakhunt", "--version"], capture_output=True, text=True, check=True
    )

    assert re.fullmatch(r"\d+\.\d+\.\d+(\.?[a-z]+\d+)?", __version__)
    assert __version__ in done.stdout


def test_nothing_in_the_tree_names_the_machine_it_was_written_on() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode != 0:
        pytest.skip("not a git checkout")
    home = str(Path.home())
    parts = (f"{home}/", f"{ROOT}/")

    for name in listed.stdout.splitlines():
        path = ROOT / name
        if path.is_file() and path.suffix in {".py", ".md", ".toml", ".txt", ".json", ""}:
            text = path.read_text(errors="replace")
            assert not any(part in text for part in parts), f"{name} names a path of this machine"


def test_no_two_modules_of_tests_have_the_same_name() -> None:
    """pytest puts their folders on the path: the second of two would be the first."""
    apart = {"programs", "held_out", "scripts", "site-packages"}
    names = [
        path.name
        for path in (*(ROOT / "tests").rglob("*.py"), *(ROOT / "benchmarks").glob("*.py"))
        if path.name != "conftest.py" and not apart & set(path.parts)
    ]

    assert sorted({name for name in names if names.count(name) > 1}) == []
