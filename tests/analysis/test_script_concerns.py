"""What a script's source says before it runs. Each fault has a twin that is like it and in order."""

from __future__ import annotations

from pathlib import Path

import pytest

from leakhunt.analysis.script import examine_script
from leakhunt.errors import LeakhuntError

FIXTURES = Path(__file__).parents[2] / "fixtures"


# ---- results that are saved once ---------------------------------------------------------------

SWEEP = """\
import numpy as np
import pandas as pd
from scipy.optimize import minimize

def fit(a, b):
    return minimize(lambda x: (x - a) ** 2 + b, 0.0).x

def main():
    rows = []
    for a in np.linspace(0, 1, 100):
        for b in range(10):
            rows.append({"a": a, "b": b, "x": fit(a, b)})
    pd.DataFrame(rows).to_csv("rows.csv")

main()
"""


def test_a_sweep_that_is_saved_after_its_last_turn_is_found(examined):
    assert examined(SWEEP) == [("saved-once", 12)]


def test_saving_through_a_function_of_the_project_is_followed(examined):
    text = SWEEP.replace('pd.DataFrame(rows).to_csv("rows.csv")', "save(rows)")
    text = text.replace("import pandas as pd", "from storage import save")
    storage = "import pandas as pd\ndef save(rows):\n    pd.DataFrame(rows).to_csv('rows.csv')\n"

    assert examined(text, storage=storage) == [("saved-once", 12)]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (
            "        for b in range(10):",
            "        pd.DataFrame(rows).to_csv('rows.csv')\n        for b in range(10):",
        ),
        ("            rows.append(", "            print(a, b, file=log)\n            rows.append("),
        ("            rows.append(", "            ledger.save(a=a, b=b)\n            rows.append("),
        ('    pd.DataFrame(rows).to_csv("rows.csv")', "    print(len(rows))"),
        ("minimize(lambda x: (x - a) ** 2 + b, 0.0).x", "a + b"),  # nothing that takes long
        ("np.linspace(0, 1, 100)", "(0.1, 0.2)"),  # two turns
        ("np.linspace(0, 1, 100)", "open('settings.txt')"),  # data that is read, not a sweep
        ("np.linspace(0, 1, 100)", "range(len(table))"),
    ],
)
def test_a_sweep_that_saves_as_it_goes_or_is_none_is_left_alone(examined, old, new):
    assert old in SWEEP
    assert examined(SWEEP.replace(old, new)) == []


# ---- columns -------------------------------------------------------------------------------------

COLUMNS = """\
import pandas as pd

table = pd.read_parquet("table.parquet")
for value in table["price"]:
    print(value)
"""


@pytest.fixture
def parquet(tmp_path):
    pandas = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow", reason="needs pyarrow")

    def write(count):
        names = ["price", *(f"feature_{n}" for n in range(count - 1))]
        pandas.DataFrame({name: [1.0, 2.0] for name in names}).to_parquet(tmp_path / "table.parquet")

    return write


def test_columns_that_are_read_for_nothing_are_counted_in_the_file(examined, parquet, tmp_path):
    parquet(20)
    assert examined(COLUMNS) == [("every-column-read", 3)]
    (found,) = examine_script(tmp_path / "script.py")

    assert found.severity == "risky"
    assert found.figure.startswith("20 columns, 1 used, ")
    assert found.code.endswith('pd.read_parquet("table.parquet", columns=["price"])  # after')


def test_a_table_of_which_all_is_used_is_left_alone(examined, parquet):
    parquet(1)
    assert examined(COLUMNS) == []


def test_a_table_that_is_not_here_is_a_note_only(examined, tmp_path):
    assert examined(COLUMNS) == [("every-column-read", 3)]
    (found,) = examine_script(tmp_path / "script.py")

    assert found.severity == "note"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"table.parquet")', '"table.parquet", columns=["price"])'),
        ('for value in table["price"]:', "for value in table.columns:"),
        ('for value in table["price"]:', "for value in table[name]:"),
        ('for value in table["price"]:', 'describe(table)\nfor value in table["price"]:'),
        ("read_parquet", "read_csv"),  # a small file, for all one knows
    ],
)
def test_a_table_whose_uses_are_not_known_is_left_alone(examined, old, new):
    assert old in COLUMNS
    assert examined(COLUMNS.replace(old, new)) == []


# ---- caches and buffers --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "decorator", ["functools.cache", "functools.lru_cache(maxsize=None)", "functools.lru_cache(None)"]
)
def test_a_cache_without_end_on_a_method_is_found(examined, decorator):
    text = f"import functools\nclass Model:\n    @{decorator}\n    def value(self, x):\n        return x\n"

    assert examined(text) == [("cached-method", 3)]


@pytest.mark.parametrize(
    "text",
    [
        "import functools\nclass Model:\n    @functools.lru_cache(maxsize=64)\n    def value(self, x): return x\n",
        "import functools\nclass Model:\n    @functools.cached_property\n    def value(self): return 1\n",
        "import functools\nclass Model:\n    @staticmethod\n    @functools.cache\n    def value(x): return x\n",
        "import functools\n@functools.cache\ndef value(x): return x\n",
        "import functools, enum\nclass Kind(enum.Enum):\n    @functools.cache\n    def value_of(self): return 1\n",
        "from mine import cache\nclass Model:\n    @cache\n    def value(self, x): return x\n",
    ],
    ids=["bounded", "of the instance", "static", "a function", "an enumeration", "another cache"],
)  # fmt: skip
def test_a_cache_that_keeps_no_instances_is_left_alone(examined, text):
    assert examined(text) == []


BUFFER = """\
class Buffer(list):
    def update(self, items):
        self.extend(items)

    def latest(self):
        return self[-4:]

def main(source):
    buffer = Buffer()
    for items in source:
        buffer.update(items)
        print(buffer.latest())
"""


def test_a_buffer_of_which_only_the_end_is_read_is_found(examined):
    # a method named like one of a list's own is not followed
    text = BUFFER.replace("def update", "def update_buffer").replace(
        "buffer.update(", "buffer.update_buffer("
    )

    assert examined(text) == [("tail-only", 3)]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("        self.extend(items)", "        self.clear()\n        self.extend(items)"),
        ("        self.extend(items)", "        self.extend(items)\n        del self[:-4]"),
        ("return self[-4:]", "return self[4:]"),
        ("return self[-4:]", "return sum(self)"),
        ("buffer.update_buffer(items)", "print(items)"),
    ],
)
def test_a_buffer_that_is_emptied_or_read_is_left_alone(examined, old, new):
    text = BUFFER.replace("def update", "def update_buffer").replace(
        "buffer.update(", "buffer.update_buffer("
    )
    assert old in text

    assert examined(text.replace(old, new)) == []


ATTRIBUTE = """\
class Trainer:
    def __init__(self):
        self.states = []

    def train(self, batch):
        self.states.append(step(batch))
        return self.states[-1]

def main(source):
    trainer = Trainer()
    for batch in source:
        trainer.train(batch)
"""


def test_a_list_of_an_instance_of_which_only_the_end_is_read_is_a_risk(examined, tmp_path):
    assert examined(ATTRIBUTE) == [("tail-only", 6)]
    (found,) = examine_script(tmp_path / "script.py")

    assert found.severity == "risky"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("append(step(batch))", "append(float(step(batch)))"),
        ("append(step(batch))", "append(loss.item())"),
        ("        trainer.train(batch)", "        trainer.train(batch)\n    print(trainer.states)"),
        ("return self.states[-1]", "return self.states"),
    ],
)
def test_a_list_of_numbers_or_one_that_is_read_is_left_alone(examined, old, new):
    assert old in ATTRIBUTE
    assert examined(ATTRIBUTE.replace(old, new)) == []


# ---- the incidents -------------------------------------------------------------------------------


@pytest.mark.parametrize("script", sorted(FIXTURES.glob("*/leaking.py")), ids=lambda path: path.parent.name)
def test_what_an_incident_was_about_is_found_before_it_runs(script, monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    found = examine_script(script, processors=8)

    assert any(one.severity == "unsafe" for one in found)
    for one in found:
        assert one.why
        assert one.code
        assert one.where is not None


@pytest.mark.parametrize("script", sorted(FIXTURES.glob("*/fixed.py")), ids=lambda path: path.parent.name)
def test_what_an_incident_was_fixed_to_is_in_order(script, monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)

    assert examine_script(script, processors=8) == []


def test_the_labels_of_the_vacua_have_all_that_was_wrong(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    found = examine_script(FIXTURES / "vacua_labels" / "leaking.py", processors=8)

    assert {one.slug for one in found} == {
        "pool-per-turn", "every-column-read", "threads-times-workers", "workers-forked",
    }  # fmt: skip


# ---- what cannot be read -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"def (:\n", "is not Python: invalid syntax (line 1)"),
        (b"\0", "is not Python"),
        (None, "no such script"),
    ],
)
def test_a_script_that_cannot_be_read_is_said(tmp_path, content, message):
    script = tmp_path / "script.py"
    if content is not None:
        script.write_bytes(content)

    with pytest.raises(LeakhuntError) as raised:
        examine_script(script)
    assert message in str(raised.value)
    assert raised.value.exit_code == 2
