"""The fixture that runs a program which takes censuses of itself."""

import pytest
from census_programs import observe


@pytest.fixture
def observed(tmp_path):
    def run(files, **options):
        return observe(tmp_path, {"program.py": files} if isinstance(files, str) else files, **options)

    return run
