"""Runs a small program that takes censuses of itself, and reads what they say."""

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

from leakhunt.census.format import load_census
from leakhunt.census.growth import growing

HERE = Path(__file__).parent


class Observed:
    """A finished program: its output, its censuses and what grew over them."""

    def __init__(self, directory, finished):
        self.finished = finished
        self.directory = directory
        self.censuses = [load_census(path) for path in sorted(directory.glob("censuses/[0-9]*[0-9].json"))]
        self.growths = growing(self.censuses)
        report = directory / "censuses" / "report.json"
        self.report = json.loads(report.read_text()) if report.exists() else {}

    @property
    def paths(self):
        """Paths that grow to the end, apart from known noise."""
        return [growth.path for growth in self.growths if growth.grows and growth.noise is None]

    def growth(self, path):
        return next(growth for growth in self.growths if growth.path == path)


def observe(directory, files, *, arguments=(), check=True, **environment):
    """Write the files, run the first one, and return what its censuses say."""
    for name, text in files.items():
        target = directory / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(textwrap.dedent(text))
    (directory / "censuses").mkdir()
    finished = subprocess.run(
        [sys.executable, *arguments, str(directory / next(iter(files)))],
        capture_output=True,
        text=True,
        timeout=100,
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(HERE), str(HERE.parent.parent)]),
            "CENSUS_DIRECTORY": str(directory / "censuses"),
            **environment,
        },
    )
    if check:
        assert finished.returncode == 0, finished.stderr
    return Observed(directory, finished)
