"""The line that fills a holder, told from the source alone: one when there is one, none when there are two."""

from __future__ import annotations

from pathlib import Path

import pytest
from described import growth

from leakhunt.analysis.fillers import fillers
from leakhunt.analysis.ownername import names_in_code
from leakhunt.analysis.repeated import repeated_in
from leakhunt.analysis.source import read_source, usage


def lines(tmp_path: Path, text: str, path: str, **fields: object) -> list[str]:
    """The text of the lines that may fill the holder, for the first `for` or `while` in main."""
    file = tmp_path / "sweep.py"
    file.write_text(text)
    source = read_source(str(file))
    assert source is not None
    found = growth(path, file=str(file), **fields)  # type: ignore[arg-type]
    within = "main" if found.root == "local" else None
    used = [usage(source, name, function=within) for name in names_in_code(path)]
    loop = next(
        number for number, line in enumerate(source.lines, 1)
        if line.startswith(("    for ", "    while "))
    )  # fmt: skip
    filled = next((one for one in used if one.inserts), None)
    repeated = repeated_in([source], str(file), loop)
    return [source.code(one.line) or "" for one in fillers(found, filled, [source], repeated)]


CASES = [
    ("cached", "cache of load (functools.lru_cache)", "module",
     "@cache\ndef load(k):\n    return k\n\ndef main(n):\n    load(0)\n    for i in n:\n        load(i)\n",
     "load(i)", "        load(-i)\n"),
    ("thread", "threads running listen()", "thread",
     "def main(n):\n    for i in n:\n        t = Thread(target=listen)\n        t.start()\n",
     "t.start()", "        Thread(target=listen).start()\n"),
    ("attribute", "sweep.RESULTS.run_*", "module",
     "def main(n):\n    for i in n:\n        setattr(RESULTS, f'run_{i}', i)\n",
     "setattr(RESULTS, f'run_{i}', i)", "        vars(RESULTS)[f'run_{-i}'] = i\n"),
    ("handler", "sweep.log.handlers", "module",
     "def main(n):\n    for i in n:\n        log.addHandler(make(i))\n",
     "log.addHandler(make(i))", "        log.addHandler(make(-i))\n"),
    ("registered", "Report objects that only native code holds", "native",
     "def main(n):\n    for i in n:\n        pool.register(i)\n        atexit.register(Report(i).save)\n",
     "atexit.register(Report(i).save)", "        atexit.register(other)\n"),
    ("queue", "waiting.queue  (sweep.main() local waiting)", "local",
     "def main(n):\n    waiting = Queue()\n    waiting.put(0)\n    while n:\n        task = waiting.get()\n"
     "        waiting.put(task)\n        waiting.put(new())\n",
     "waiting.put(new())", "        waiting.put(other())\n"),
    ("parameter", "sweep.main() local context", "local",
     "def store(target, k):\n    target[k] = 1\n\ndef step(to, i):\n    store(to, i)\n\n"
     "def main(n):\n    context = {}\n    for i in n:\n        step(context, i)\n",
     "target[k] = 1", "        context[-i] = 1\n"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("path", "root", "text", "line"), [case[1:5] for case in CASES], ids=[c[0] for c in CASES]
)
def test_the_only_line_that_fills_it_in_every_turn_is_found(
    tmp_path: Path, path: str, root: str, text: str, line: str
) -> None:
    assert lines(tmp_path, text, path, root=root) == [line]


@pytest.mark.parametrize(
    ("path", "root", "text", "more"),
    [(c[1], c[2], c[3], c[5]) for c in CASES],
    ids=[c[0] for c in CASES],
)
def test_with_a_second_line_that_fills_it_both_are_found(
    tmp_path: Path, path: str, root: str, text: str, more: str
) -> None:
    assert len(lines(tmp_path, text + more, path, root=root)) >= 2


def test_a_function_that_the_loop_never_uses_fills_nothing(tmp_path: Path) -> None:
    text = (
        "def load():\n    for k in range(3):\n        PAGES[k] = k\n\n"
        "def visit(k):\n    PAGES[k] = work(k)\n\ndef main(n):\n    load()\n    while n:\n        visit(n)\n"
    )

    # the first loop of the text is in load(): choose that of main
    file = tmp_path / "sweep.py"
    file.write_text(text)
    source = read_source(str(file))
    assert source is not None
    found = fillers(
        growth("sweep.PAGES", root="module", type="dict", file=str(file)),
        usage(source, "PAGES"), [source], repeated_in([source], str(file), 10),
    )  # fmt: skip

    assert [one.line for one in found] == [6]
