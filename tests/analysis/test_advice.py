"""Advice for the shapes that leak, in the user's own names; and none where its conditions are not met."""

from __future__ import annotations

from pathlib import Path

import pytest
from described import MB, described, growth, loop_text, written_before_the_run

from leakhunt.analysis.diagnose import diagnose
from leakhunt.findings.diagnosis import Recommendation

SWEEP = """\
import pandas as pd

def fit(lam):
    fitter = Fitter(lam)
    result = fitter.run()
    result.update(lam=lam, fitter=fitter)
    return result

def main(lambdas, out):
    all_lam_results = []
    for lam in lambdas:
        all_lam_results.append({"lam": lam, "scan": fit(lam)})
    pd.DataFrame(all_lam_results).to_csv(out)
"""


def advised(tmp_path: Path, text: str, name: str, **fields: object) -> list[Recommendation]:
    file = tmp_path / "sweep.py"
    file.write_text(text)
    written_before_the_run(file)
    journal = loop_text(40, lambda t: 100 * MB + t * MB, file=str(file)).replace(
        'variables=["i"]', 'variables=["lam"]'
    )
    path = str(fields.pop("path", f"sweep.main() local {name}"))
    found = growth(path, each=MB, file=str(file), **fields)  # type: ignore[arg-type]
    return diagnose(described(journal, growths=[found])).recommendations


def slugs(recommendations: list[Recommendation]) -> list[str]:
    return [one.slug for one in recommendations]


def test_results_saved_once_after_the_loop_are_saved_each_unit(tmp_path: Path) -> None:
    first = advised(tmp_path, SWEEP, "all_lam_results")[0]

    assert first.slug == "save-each-unit"
    assert first.where is not None
    assert first.where.line == 12
    assert 'to_csv("all_lam_results.csv", mode="a"' in first.do
    assert "+1 MB per iteration" in first.why
    assert first.expected_peak == 101 * MB
    assert first.confirm == "leakhunt profile sweep.py again: all_lam_results is no longer among the findings"


def test_the_object_behind_a_result_is_left_out(tmp_path: Path) -> None:
    contents = [("numpy.ndarray", 520, 39 * MB), ("sweep.Fitter", 40, 1000), ("dict", 80, 9000)]

    first = advised(tmp_path, SWEEP, "all_lam_results", contents=contents)[0]

    assert first.slug == "keep-scalars"
    assert first.where is not None
    assert first.where.line == 6
    assert "result.update(lam=lam)  # without fitter" in first.do
    assert "del fitter" in first.do


def test_results_that_nobody_reads_are_not_advised_to_be_saved(tmp_path: Path) -> None:
    text = "def main(n):\n    kept = []\n    for lam in n:\n        kept.append(work(lam))\n"

    assert slugs(advised(tmp_path, text, "kept")) == ["remove-unused"]


def test_a_source_that_changed_since_the_run_is_not_advised_on(tmp_path: Path) -> None:
    file = tmp_path / "sweep.py"
    file.write_text(SWEEP)
    journal = loop_text(40, lambda t: 100 * MB + t * MB, file=str(file))

    diagnosis = diagnose(described(journal, growths=[growth("sweep.main() local all_lam_results", each=MB)]))

    assert diagnosis.verdict == "leak"
    assert diagnosis.recommendations == []


@pytest.mark.parametrize(
    ("text", "name", "fields", "slug", "code"),
    [
        (
            "def train(n):\n    losses = []\n"
            "    for lam in n:\n        losses.append(loss)\n    plot(losses)\n",
            "losses", {"tags": frozenset({"torch-grad"})}, "detach-tensors", "losses.append(loss.item())",
        ),
        (
            "class Buffer(list):\n    def update_buffer(self, new):\n        self.extend(new)\n",
            "buffer", {"type": "sweep.Buffer"}, "clear-before-fill", "self.clear()\nself.extend(new)",
        ),
        (
            "PAGES = {}\ndef get(k):\n"
            "    if k not in PAGES:\n        PAGES[k] = load(k)\n    return PAGES[k]\n",
            "PAGES", {"path": "sweep.PAGES", "type": "dict", "root": "module"}, "bound-cache",
            "len(PAGES) >= 1000",
        ),
        (
            "def load(k):\n    module = types.ModuleType(k)\n    sys.modules[k] = module\n    return module\n",
            "modules", {"path": "sys.modules", "type": "dict", "root": "module"}, "forget-module",
            "sys.modules.pop(name, None)",
        ),
        (
            "@lru_cache(maxsize=None)\ndef load(k):\n    return work(k)\n",
            "load", {"path": "cache of load (functools.lru_cache)", "tags": frozenset({"lru_cache"})},
            "bound-lru-cache", "@lru_cache(maxsize=1024)",
        ),
        (
            "class Page:\n    @lru_cache\n    def size(self):\n        return 1\n", "size",
            {"path": "cache of Page.size (functools.lru_cache, key self)",
            "tags": frozenset({"lru_cache-self"})},
            "cache-per-instance", "self.size = lru_cache(self._size)",
        ),
        (
            "def main(n):\n    failures = []\n    for lam in n:\n        try:\n            work(lam)\n"
            "        except ValueError as problem:\n"
            "            failures.append(problem)\n    show(failures)\n",
            "failures", {}, "keep-exception-text", "failures.append(str(problem))",
        ),
        (
            "def collect(x, blocks=[]):\n    blocks.append(x)\n    return blocks\n", "blocks",
            {"path": "default argument blocks of collect()"}, "no-mutable-default", "blocks=None",
        ),
        (
            "def main(n):\n    latest = deque()\n"
            "    for lam in n:\n        latest.append(lam)\n    show(latest[-1])\n",
            "latest", {"type": "collections.deque"}, "bound-deque", "latest = deque(maxlen=1000)",
        ),
        (
            "def main(n):\n    table = None\n"
            "    for lam in n:\n        table = np.concatenate([table, work(lam)])\n"
            "    return table\n",
            "table", {"type": "numpy.ndarray"}, "stop-rebuilding", "np.concatenate(parts)",
        ),
        (
            "def main(n):\n    for lam in n:\n        fig = plt.figure()\n        fig.savefig('x')\n", "figs",
            {"path": "matplotlib._pylab_helpers.Gcf.figs", "tags": frozenset({"figure"})}, "close-figures",
            "plt.close(fig)",
        ),
        (
            "def main(n):\n    for lam in n:\n        bus.listeners.append(Listener(lam))\n"
            "    bus.fire()\n", "x",
            {"path": "sweep.bus.listeners"}, "register-once", "bus.listeners.append(Listener(lam))",
        ),
    ],
)  # fmt: skip
def test_a_shape_gets_its_change(
    tmp_path: Path, text: str, name: str, fields: dict[str, object], slug: str, code: str
) -> None:
    found = advised(tmp_path, text, name, **fields)

    assert slug in slugs(found)
    assert code in next(one.do for one in found if one.slug == slug)


@pytest.mark.parametrize(
    ("text", "name", "fields", "slug"),
    [
        (
            "def train(n):\n    losses = []\n"
            "    for lam in n:\n        losses.append(loss.item())\n    plot(losses)\n",
            "losses", {"tags": frozenset({"torch-grad"})}, "detach-tensors",
        ),
        (
            "class Buffer(list):\n    def update_buffer(self, new):\n"
            "        self.clear()\n        self.extend(new)\n",
            "buffer", {"type": "sweep.Buffer"}, "clear-before-fill",
        ),
        (
            "def main(n):\n    failures = []\n    for lam in n:\n        try:\n            work(lam)\n"
            "        except ValueError as problem:\n"
            "            failures.append(str(problem))\n    show(failures)\n",
            "failures", {}, "keep-exception-text",
        ),
        (
            "def main(n):\n    rows = {}\n    for lam in n:\n        rows[lam] = work(lam)\n    show(rows)\n",
            "rows", {"type": "dict"}, "bound-cache",
        ),
        (
            "def main(n):\n    rows = []\n    for lam in n:\n        handler = logging.FileHandler('x')\n"
            "        LOG.addHandler(handler)\n        rows.append(lam)\n        LOG.removeHandler(handler)\n",
            "handlers", {"path": "x .handlers", "tags": frozenset({"logging-handlers"})}, "register-once",
        ),
        (
            "def main(n):\n    errors = []\n    for lam in n:\n        try:\n            work(lam)\n"
            "        except ValueError:\n            errors.append(traceback.format_exc())\n    show(errors)\n",
            "errors", {"tags": frozenset({"exception"})}, "keep-exception-text",
        ),
        (
            "def train(n):\n    total = 0\n    for lam in n:\n        total += float(step(lam))\n    print(total)\n",
            "total", {"tags": frozenset({"torch-grad"})}, "detach-tensors",
        ),
        (
            "def main(n):\n    rows = []\n    for lam in n:\n"
            "        table = pd.concat([first(lam), work(lam)])\n        rows.append(table)\n    show(rows)\n",
            "table", {"type": "pandas.core.frame.DataFrame"}, "stop-rebuilding",
        ),
        (
            "def main(n):\n    shown = []\n    for lam in n:\n        fig = plt.figure()\n"
            "        plt.close(fig)\n        shown.append(lam)\n    show(shown)\n", "shown", {}, "close-figures",
        ),
        (
            "def main(n):\n    rows = []\n    with requests.Session() as session:\n        for lam in n:\n"
            "            rows.append(session.get(lam))\n    show(rows)\n", "rows",
            {"contents": [("requests.sessions.Session", 1, 40 * MB)]}, "one-session",
        ),
        (
            "def main(n):\n    rows = []\n    for lam in n:\n        one = threading.Thread(target=work)\n"
            "        one.start()\n        one.join()\n        rows.append(lam)\n    show(rows)\n", "rows", {},
            "end-threads",
        ),
        (
            "class Page:\n    @staticmethod\n    @lru_cache\n    def size(text):\n        return 1\n", "size",
            {"path": "cache of Page.size (functools.lru_cache)", "tags": frozenset({"lru_cache"})},
            "cache-per-instance",
        ),
        (
            "def main(n):\n    rows = []\n    for lam in n:\n        rows.append(lam)\n        save(rows)\n", "rows",
            {}, "save-each-unit",
        ),
    ],
)  # fmt: skip
def test_its_look_alike_does_not(
    tmp_path: Path, text: str, name: str, fields: dict[str, object], slug: str
) -> None:
    assert slug not in slugs(advised(tmp_path, text, name, **fields))


def test_a_clean_run_is_advised_nothing() -> None:
    assert diagnose(described(loop_text(40, lambda t: 100 * MB))).recommendations == []
