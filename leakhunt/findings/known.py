"""Known leaks of packages and of Python itself: data, each with a public reference.

An entry is said of a finding whose owner or line matches, when the version that ran is affected. It adds
a sentence and advice; it never makes a finding, nor a verdict. Harmless holders are in `census.noise`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import InvalidVersion, Version

#: Key of Python's own version among the versions of packages.
PYTHON = "python"


@dataclass(frozen=True, slots=True)
class Known:
    """One known leak. `affected` is a version specifier ("" for all); `fixed` the first release without it.

    `owner` is searched in the owner's path and type; `code` in the finding's lines of code and in the names
    of the functions on its stacks, where `file` must fit too. One match suffices. `kinds` limits it to kinds
    of findings. `means` says what to do where no release helps.
    """

    slug: str
    package: str
    affected: str
    fixed: str | None
    what: str
    reference: str
    owner: str | None = None
    code: str | None = None
    file: str | None = None
    kinds: frozenset[str] = field(default_factory=frozenset)
    means: str = ""


_NATIVE = frozenset({"native-growth", "unexplained-growth"})

KNOWN: tuple[Known, ...] = (
    Known(
        "aiohttp-middlewares", "aiohttp", ">=3.10.6,<3.10.11", "3.10.11",
        "every request for an unknown path or method adds an entry to the cache of middlewares",
        "https://github.com/aio-libs/aiohttp/security/advisories/GHSA-27mf-ghqm-j3j8",
        owner=r"_build_middlewares",
    ),
    Known(
        "pandas-to-json", "pandas", ">=1.1.0,<1.4.0", "1.4.0",
        "DataFrame.to_json leaves memory behind in every call",
        "https://github.com/pandas-dev/pandas/issues/43877",
        code=r"\.to_json\(", kinds=_NATIVE,
    ),
    Known(
        "pandas-to-json-times", "pandas", ">=2.0,<=2.3.2", None,
        "to_json leaves memory behind when it writes instants with a time zone",
        "https://github.com/pandas-dev/pandas/issues/62204",
        code=r"\.to_json\(", kinds=_NATIVE,
        means="Convert such columns to text or numbers before to_json.",
    ),
    Known(
        "pyarrow-21-to-pandas", "pyarrow", "==21.0.0", None,
        "reading tables and converting them to pandas leaves memory behind; 20.0.0 does not",
        "https://github.com/apache/arrow/issues/47702",
        code=r"\.to_pandas\(|read_parquet\(|read_table\(|\.to_table\(",
        kinds=_NATIVE | {"fragmentation"},
        means="Use another release, or set ARROW_DEFAULT_MEMORY_POOL=system.",
    ),
    Known(
        "orjson-default", "orjson", ">=3.8.12,<3.9.1", "3.9.1",
        "exceptions that are raised in default= keep their tracebacks",
        "https://github.com/ijl/orjson/blob/master/CHANGELOG.md",
        code=r"orjson\.dumps\(", kinds=_NATIVE | {"growing-type", "growing-container", "reference-cycle"},
    ),
    Known(
        "awkward-1", "awkward", "<1.10.3", "1.10.3",
        "references taken in C++ are not given back",
        "https://github.com/scikit-hep/awkward/releases/tag/v1.10.3",
        code=r"\b(ak|awkward)\.\w+\(", kinds=_NATIVE,
    ),
    Known(
        "matplotlib-figures", "matplotlib", "", None,
        "pyplot keeps every figure until it is closed",
        "https://matplotlib.org/stable/api/_as_gen/matplotlib.pyplot.close.html",
        owner=r"_pylab_helpers\.Gcf\.figs|Gcf\.figs",
        means="Call plt.close(fig) when it is saved, or make it with matplotlib.figure.Figure().",
    ),
    Known(
        "keras-global-state", "keras", "", None,
        "Keras keeps a global state that grows with every model that is built",
        "https://www.tensorflow.org/api_docs/python/tf/keras/backend/clear_session",
        owner=r"\bkeras\b.*(global_state|GLOBAL|_GRAPH|backend)",
        means="Call keras.backend.clear_session() at the beginning of each turn.",
    ),
    Known(
        "torch-loader-workers", "torch", "", None,
        "workers of a DataLoader copy the pages of Python objects that they only look at",
        "https://github.com/pytorch/pytorch/issues/13246",
        code=r"DataLoader\(.*num_workers|\bin (enumerate\()?\w*loader\b", kinds=frozenset({"process-growth"}),
        means="Keep the dataset's index in a numpy array or a tensor, not in lists of Python objects.",
    ),
    Known(
        "boto3-session-handlers", "boto3", "", None,
        "each boto3.Session leaves its handlers on a botocore session that is shared",
        "https://github.com/boto/boto3/issues/2176",
        owner=r"botocore\.(session|hooks)|_PrefixTrie|HierarchicalEmitter",
        means="Make one session (and one client per thread) for the whole run.",
    ),
    Known(
        "python-ssl-session", PYTHON, ">=3.10,<3.12.8", "3.12.8",
        "reading SSLSocket.session leaves a copy of the session behind",
        "https://github.com/python/cpython/issues/116810",
        code=r"^session$", file=r"/ssl\.py$", kinds=_NATIVE,
    ),
    Known(
        "python-ssl-session-313", PYTHON, "==3.13.0", "3.13.1",
        "reading SSLSocket.session leaves a copy of the session behind",
        "https://github.com/python/cpython/issues/116810",
        code=r"^session$", file=r"/ssl\.py$", kinds=_NATIVE,
    ),
    Known(
        "python-logging-loggers", PYTHON, "", None,
        "loggers are kept for ever by name: one per item is one too many",
        "https://docs.python.org/3/library/logging.html#logging.getLogger",
        owner=r"\bloggerDict\b",
        means="Use one logger, and a LoggerAdapter or extra= for what differs.",
    ),
    Known(
        "python-cached-methods", PYTHON, "", None,
        "lru_cache on a method keeps every object that it was called on",
        "https://docs.python.org/3/faq/programming.html#how-do-i-cache-method-calls",
        owner=r"functools\.lru_cache, key self",
    ),
)  # fmt: skip


def known_for(
    versions: Mapping[str, str], *, kind: str, owner: str, lines: list[tuple[str, str]]
) -> list[Known]:
    """Return the known leaks that fit a finding: its owner's path and type, and its lines as (file, code)."""
    return [
        entry
        for entry in KNOWN
        if entry.package in versions
        and (not entry.kinds or kind in entry.kinds)
        and is_affected(entry, versions[entry.package])
        and _matches(entry, owner, lines)
    ]


def is_affected(entry: Known, version: str) -> bool:
    """Tell whether a version is one of those that leak; never of a version that cannot be read."""
    try:
        return SpecifierSet(entry.affected).contains(Version(version), prereleases=True)
    except (InvalidVersion, InvalidSpecifier):
        return False


def _matches(entry: Known, owner: str, lines: list[tuple[str, str]]) -> bool:
    if entry.owner is not None and re.search(entry.owner, owner):
        return True
    for file, code in lines:
        if entry.code is not None and re.search(entry.code, code):
            return entry.file is None or bool(re.search(entry.file, file.replace("\\", "/")))
    return False
