"""Holders in the standard library and well-known packages that grow without being anybody's leak.

Data: (pattern over a growth's key, what it is, reference). First match wins. A pattern is matched
from the start of the key.
"""

from __future__ import annotations

import re

_PATTERNS: tuple[tuple[str, str, str], ...] = (
    (
        r"linecache\.cache\b",
        "source lines cached for tracebacks",
        "https://docs.python.org/3/library/linecache.html",
    ),
    (
        r"re\._cache2?\b|re\._compiler|sre_parse|sre_compile|re\._parser|cache of _compile_(template|repl)",
        "compiled regular expressions, at most 512",
        "https://docs.python.org/3/library/re.html#re.purge",
    ),
    (
        r"(_py_abc|abc|_abc)\b|.*\._abc_(impl|cache|registry|negative_cache)",
        "subclass checks cached by abstract base classes",
        "https://docs.python.org/3/library/abc.html",
    ),
    (
        r".*\.__warningregistry__|.*\['__warningregistry__'\]|warnings\.(filters|onceregistry|_filters)",
        "warnings already shown",
        "https://docs.python.org/3/library/warnings.html",
    ),
    (
        r"logging\.(_handlerList|_handlers)\b",
        "weak references to every handler",
        "https://docs.python.org/3/library/logging.html",
    ),
    (
        r"typing\._|cache of .*\(functools\.lru_cache\).*typing|typing\.",
        "generic aliases cached by typing",
        "https://docs.python.org/3/library/typing.html",
    ),
    (
        r"(copyreg|pickle|_compat_pickle)\.",
        "types known to pickle",
        "https://docs.python.org/3/library/copyreg.html",
    ),
    (
        r"importlib\.|_frozen_importlib|sys\.(modules|path_importer_cache)|zipimport\.",
        "modules and paths known to the import system",
        "https://docs.python.org/3/reference/import.html",
    ),
    (
        r"sys\.meta_path\[\*\]\._(marked_for_rewrite_cache|rewritten_names|must_rewrite)\b",
        "names of modules that pytest was asked to rewrite",
        "https://docs.pytest.org/en/stable/how-to/assert.html",
    ),
    (
        r"(encodings|locale|_strptime|fnmatch|struct|posixpath|string|sysconfig|platform|mimetypes|inspect|tokenize|dis)\.",
        "small caches of the standard library",
        "https://docs.python.org/3/library/",
    ),
    (
        r"threading\._(active|limbo|dangling|shutdown_locks)\b",
        "bookkeeping of running threads",
        "https://docs.python.org/3/library/threading.html",
    ),
    (
        r"(weakref|atexit|functools|enum|dataclasses|ctypes|random|tempfile)\._",
        "bookkeeping of the standard library",
        "https://docs.python.org/3/library/",
    ),
    (r"<leakhunt> ", "loaded by leakhunt for its own use", ""),
    (r"(memray|psutil|pympler|tracemalloc|coverage|pydevd|_pytest)\b", "the tools that watch this run", ""),
)
_COMPILED = tuple((re.compile(pattern), what, reference) for pattern, what, reference in _PATTERNS)


#: A text for every warning that differs, an entry for every module: harmless because it is small, and only as long
#: as it is.
_UNBOUNDED = re.compile(r".*\b__warningregistry__|sys\.modules$")
_LITTLE = 1_000.0


def noise_of(key: str, bytes_per_turn: float = 0.0) -> str | None:
    """Return why growth under `key` is known to be harmless, or None."""
    if bytes_per_turn >= _LITTLE and _UNBOUNDED.match(key):
        return None
    for pattern, what, reference in _COMPILED:
        if pattern.match(key):
            return f"{what} ({reference})" if reference else what
    return None
