"""Columns that are read and never used: said when every use of the frame is known, and never otherwise."""

from __future__ import annotations

import dataclasses
import tempfile
from pathlib import Path

import pytest
from described import MB, described, loop_text, written_before_the_run

from leakhunt.analysis.diagnose import diagnose
from leakhunt.census.tables import Table
from leakhunt.findings.diagnosis import Recommendation

COLUMNS = ["id", "h11", *(f"feature_{number:03d}" for number in range(18))]
READ = "import pandas as pd\n\ndef main(file):\n    df = pd.read_parquet('labels.parquet')\n"


def advised(
    tmp_path: Path,
    text: str,
    *,
    name: str = "df",
    function: str | None = "main",
    each: int | None = 2 * MB,
    more_files: dict[str, str] | None = None,
) -> list[Recommendation]:
    folder = Path(
        tempfile.mkdtemp(dir=tmp_path)
    )  # each program in a place of its own: sources are remembered
    for file_name, content in {"sweep.py": text, **(more_files or {})}.items():
        (folder / file_name).write_text(content)
        written_before_the_run(folder / file_name)
    file = str(folder / "sweep.py")
    run = described(loop_text(40, lambda t: 100 * MB, file=file))
    table = Table(file, function, name, COLUMNS, [each] * len(COLUMNS))
    found = diagnose(dataclasses.replace(run, tables=[table])).recommendations
    return [one for one in found if one.slug == "columns-never-used"]


def test_the_columns_and_their_bytes_and_the_change_are_said(tmp_path: Path) -> None:
    text = READ + "    for row in range(9):\n        work(df['id'][row], df['h11'][row])\n"

    advice = advised(tmp_path, text)[0]

    assert advice.title == (
        "18 of 20 columns (90 % of 40.0 MB) read from labels.parquet are never used: pass columns=[...]"
    )
    assert "looks at id and h11 only; the other 18 take 36.0 MB" in advice.why
    assert 'pd.read_parquet(\'labels.parquet\', columns=["id", "h11"])  # after' in advice.do
    assert advice.where is not None
    assert advice.where.line == 4


@pytest.mark.parametrize(
    "uses",
    [
        "    chunk = df.iloc[0:10]\n    work(list(zip(chunk['id'], chunk['h11'])))\n",
        "    for row in df.itertuples():\n        work(row.id, row.h11)\n",
        "    for _, row in df.iterrows():\n        work(row['id'], row.h11)\n",
        "    mask = df['h11'] > 3\n    good = df[mask & df['id'].notna()]\n    work(good.id)\n",
        "    if len(df) > 3 and 'id' in df.columns:\n        df = df.head(9)\n    work(df[['id', 'h11']].values)\n",
        "    df['ratio'] = df['id'] / df.h11\n    work(df['ratio'])\n",
        "    work(df.groupby('h11')['id'].mean())\n",
        "    work(df.loc[df['h11'] > 2, 'id'], df.shape)\n",
        "    work(df.query('h11 > 3')['id'].values)\n",
        "    for name in ('id', 'h11'):\n        work(df[name])\n",
        "    used = ['id', 'h11']\n    work(df[used].to_numpy())\n",
        "    for kind, part in df.groupby('h11'):\n        work(kind, part['id'])\n",
    ],
)
def test_uses_that_are_known_are_followed(tmp_path: Path, uses: str) -> None:
    advice = advised(tmp_path, READ + uses)

    assert [one.title.partition(" columns")[0] for one in advice] == ["18 of 20"]


@pytest.mark.parametrize(
    "uses",
    [
        "    for name in df.columns:\n        work(df[name], df['id'])\n",
        "    for name in df:\n        work(df[name])\n",
        "    work(df['id'])\n    library.fit(df)\n",
        "    work(df['id'])\n    model.fit(X=df)\n",
        "    work(df['id'], df.values)\n",
        "    work(df['id'], df.to_numpy())\n",
        "    work(df['id'], df.corr())\n",
        "    df = df.drop(columns=['feature_001'])\n    work(df['id'])\n",
        "    df = df[['id', 'h11']]\n    work(df)\n",
        "    df = df[['id', 'h11']]\n    work(df['id'])\n",
        "    df.pop(file)\n    work(df['id'])\n",
        "    work(df['id'])\n    df.to_csv('copy.csv')\n",
        "    work(df['id'])\n    print(df)\n",
        "    work(df['id'])\n    kept.append(df)\n",
        "    work(df['id'], f'{df}')\n",
        "    work(df['id'])\n    return df\n",
        "    work(df['id'], df[file])\n",
        "    work(df['id'], df.loc[:, file])\n",
        "    work(df['id'], df.iloc[:, 3])\n",
        "    work(df['id'], df.iloc[0].sum())\n",
        "    work(df['id'], df.groupby('h11').mean())\n",
        "    work(df['id'], df.dropna())\n",
        "    work(df['id'], getattr(df, file)) if eval(file) else None\n",
        "    work(df['id'])\n    f = df.mean\n    f()\n",
        "    if file:\n        df = other(file)\n    work(df['id'])\n",
        "    for df in others():\n        work(df['id'])\n",
        "    work(df['id'], **df)\n",
        "    work(df['id'])\n    self.table = [df]\n",
        "    work(df['id'], [f for f in ['feature_%03d' % n for n in range(9)] if df[f].any()])\n",
        "    work(df['id'], lambda name: df[name])\n",
    ],
)  # fmt: skip
def test_a_use_that_may_touch_any_column_ends_the_claim(tmp_path: Path, uses: str) -> None:
    assert advised(tmp_path, READ + uses) == []


@pytest.mark.parametrize(
    "call",
    [
        "pd.read_parquet(file, columns=['id'])",
        "pd.read_csv(file, usecols=wanted)",
        "pd.read_csv(file, chunksize=1000)",
        "pd.read_parquet(file, **options)",
        "pd.read_sql(file, connection)",
        "library.read_parquet(file)",
        "pd.read_parquet(file, 'pyarrow', ['id'])",
    ],
)
def test_a_read_that_picks_columns_or_is_no_plain_read_is_left_alone(tmp_path: Path, call: str) -> None:
    text = f"import pandas as pd\n\ndef main(file):\n    df = {call}\n    work(df['id'], df['h11'])\n"

    assert advised(tmp_path, text) == []


def test_a_frame_is_followed_into_the_programs_own_functions_and_out_of_them(tmp_path: Path) -> None:
    text = (
        "import pandas as pd\n\ndef load(file):\n    table = pd.read_csv(file)\n    return table.head(100)\n\n"
        "def work(frame, scale):\n    return frame['h11'] * scale\n\n"
        "def main(file):\n    df = load(file)\n    work(df, 3)\n    print(df['id'])\n"
    )

    advice = advised(tmp_path, text)[0]

    assert "usecols=[" in advice.do
    assert advised(tmp_path, text.replace("frame['h11'] * scale", "frame * scale")) == []


def test_a_column_that_is_named_anywhere_in_the_program_counts_as_used(tmp_path: Path) -> None:
    text = READ + "    work(df['id'], df['h11'])\n\nSHOWN = ['feature_001', 'feature_002']\n"

    assert advised(tmp_path, text)[0].title.startswith("16 of 20 columns")


def test_a_global_frame_that_another_file_reads_is_not_judged(tmp_path: Path) -> None:
    text = "import pandas as pd\nimport other\ndf = pd.read_parquet('a.parquet')\nprint(df['id'])\n"
    harmless = {"other.py": "def work(rows):\n    return rows\n"}
    reading = {"other.py": "import sweep\n\ndef work():\n    return sweep.df.sum()\n"}

    assert advised(tmp_path, text, function=None, more_files=harmless)
    assert advised(tmp_path, text, function=None, more_files=reading) == []


def test_a_frame_of_an_object_is_followed_by_its_attribute(tmp_path: Path) -> None:
    text = (
        "import pandas as pd\n\nclass Labels:\n    def __init__(self, file):\n"
        "        self.df = pd.read_parquet(file)\n\n    def run(self):\n        return self.df['id']\n"
    )

    assert advised(tmp_path, text, name="self.df", function="Labels.run")
    touched = text + "\n\ndef show(labels):\n    return labels.df.sum()\n"
    assert advised(tmp_path, touched, name="self.df", function="Labels.run") == []


def test_a_frame_of_an_argument_is_not_taken_for_the_one_that_was_read(tmp_path: Path) -> None:
    text = READ + "    work(df)\n\ndef work(table):\n    return table['id']\n"

    assert advised(tmp_path, text, name="table", function="work") == []


def test_a_few_megabytes_are_not_worth_a_word(tmp_path: Path) -> None:
    text = READ + "    work(df['id'], df['h11'])\n"

    assert advised(tmp_path, text, each=100_000) == []


def test_bytes_that_could_not_be_read_are_not_claimed(tmp_path: Path) -> None:
    text = READ + "    work(df['id'], df['h11'])\n"

    assert advised(tmp_path, text, each=None) == []
