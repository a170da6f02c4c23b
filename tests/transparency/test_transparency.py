"""A script does under leakhunt exactly what it does under plain Python."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from twice import run_followed, run_plain

SCRIPTS = Path(__file__).parent / "scripts"


def _header(source: str, name: str) -> str:
    found = re.search(rf"^# {name}: (.*)$", source, re.MULTILINE)
    return found[1] if found else ""


@pytest.mark.parametrize("script", sorted(p.name for p in SCRIPTS.glob("*.py")))
def test_output_and_exit_code_are_those_of_plain_python(script: str, tmp_path: Path) -> None:
    path = SCRIPTS / script
    source = path.read_text()
    argv, flags = _header(source, "args").split(), _header(source, "flags").split()
    stdin = _header(source, "stdin").encode().decode("unicode_escape")

    plain = run_plain(str(path), argv, flags=flags, stdin=stdin, cwd=tmp_path)
    followed = run_followed(
        str(path), argv, flags=flags, stdin=stdin, cwd=tmp_path, run_dir=tmp_path / "run", root=SCRIPTS
    )

    assert followed == plain


def _package(folder: Path) -> None:
    files = {
        "pkg/__init__.py": "",
        "pkg/__main__.py": "import sys\nfrom pkg.inner import f\n"
        "for i in range(2): print(f(i), __name__, sys.argv[1:])\n",
        "pkg/inner.py": "def f(n):\n    for i in range(n):\n        pass\n    return [x for x in range(n)]\n",
        "pkg/fails.py": "import sys\nprint(sys.argv, sys.path[0], __spec__.name)\n"
        "for i in range(3):\n    1 / i\n",
        "script.py": "import json, pkg.inner, os.path\nprint(hasattr(json, 'dumps'), json.__name__)\n"
        "import copy\nprint(copy.MINE, pkg.inner.f(3))\nimport importlib.resources as r\n"
        "print(type(pkg.inner.__loader__).__name__, pkg.inner.__loader__.get_source('pkg.inner')[:5])\n"
        "print(r.files('pkg').joinpath('inner.py').read_text()[:5], os.path.basename(pkg.inner.__file__))\n",
        "copy.py": "MINE = True\nfor k in range(2): pass\n",
        "json/__init__.py": "",
    }
    for name, text in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)


@pytest.mark.parametrize(
    ("mode", "target"),
    [("module", "pkg"), ("module", "pkg.fails"), ("module", "no_such_module"), ("module", "pkg.nope"),
     ("script", "script.py"), ("script", "./pkg/fails.py")],
)  # fmt: skip
def test_packages_modules_and_relative_names_run_alike(mode: str, target: str, tmp_path: Path) -> None:
    _package(tmp_path)

    plain = run_plain(target, ["a"], mode=mode, flags=[], stdin="", cwd=tmp_path)
    followed = run_followed(
        target, ["a"], mode=mode, flags=[], stdin="", cwd=tmp_path, run_dir=tmp_path / "run", root=tmp_path
    )

    assert followed == plain
