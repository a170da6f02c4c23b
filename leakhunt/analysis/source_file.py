"""One file of the user's source: its text, and its tree when somebody asks. Read as data, never imported."""

from __future__ import annotations

import ast
import io
import os
import re
import stat
import tokenize
import warnings
from dataclasses import dataclass
from functools import cached_property, lru_cache

_MOST_BYTES = 2_000_000
#: Files kept parsed. A program that loops in more of them parses again for every holder: seconds each.
_MOST_FILES = 256
_WORD = re.compile(r"[^\W\d]\w*")


@dataclass(frozen=True)
class Source:
    """A file of the user's, parsed when somebody asks: of a hundred files few name what grows."""

    path: str
    lines: list[str]

    @cached_property
    def tree(self) -> ast.Module:
        """The parsed file; empty when it cannot be parsed."""
        return self._parsed or ast.Module([], [])

    @property
    def parses(self) -> bool:
        """Whether the file is Python."""
        return self._parsed is not None

    @cached_property
    def _parsed(self) -> ast.Module | None:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return ast.parse("\n".join(self.lines))
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return None

    @cached_property
    def parents(self) -> dict[ast.AST, ast.AST]:
        """The node around each node."""
        return self._indexed[1]

    @cached_property
    def nodes(self) -> list[ast.AST]:
        """All nodes, outer ones before those inside them. Kept: walking a tree takes long."""
        return self._indexed[0]

    @cached_property
    def _indexed(self) -> tuple[list[ast.AST], dict[ast.AST, ast.AST]]:
        """All nodes and what is around each, in one pass: `ast.walk` for each takes three times as long."""
        nodes: list[ast.AST] = [self.tree]
        parents: dict[ast.AST, ast.AST] = {}
        for node in nodes:
            for name in node._fields:
                value = getattr(node, name, None)
                if isinstance(value, ast.AST):
                    parents[value] = node
                    nodes.append(value)
                elif type(value) is list:
                    for each in value:
                        if isinstance(each, ast.AST):
                            parents[each] = node
                            nodes.append(each)
        return nodes, parents

    @cached_property
    def _words(self) -> frozenset[str]:
        return frozenset(word for line in self.lines for word in _WORD.findall(line))

    def mentions(self, name: str) -> bool:
        """Tell whether the name stands anywhere in the text: most files need no parsing for most names."""
        return name in self._words

    @cached_property
    def defined(self) -> dict[str, list[ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef]]:
        """Functions, methods and classes by their name."""
        found: dict[str, list[ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef]] = {}
        for node in self.nodes:
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                found.setdefault(node.name, []).append(node)
        return found

    def code(self, line: int | None) -> str | None:
        """Return the text of a line without its indentation; None beyond the file."""
        if line is None or not 1 <= line <= len(self.lines):
            return None
        return self.lines[line - 1].strip() or None

    def bare(self, line: int | None) -> str:
        """Return the text of a line without its indentation and comment; empty beyond the file."""
        text = self.code(line) or ""
        try:
            for token in tokenize.generate_tokens(io.StringIO(text).readline):
                if token.type == tokenize.COMMENT:
                    return text[: token.start[1]].rstrip()
        except (tokenize.TokenError, SyntaxError):
            pass  # a statement that goes on below: its comment, if any, came before the error
        return text

    def text(self, node: ast.AST) -> str:
        """Return the source text of a node on one line."""
        return " ".join((ast.get_source_segment("\n".join(self.lines), node) or ast.unparse(node)).split())

    def around(self, node: ast.AST, *kinds: type[ast.AST]) -> list[ast.AST]:
        """Return the nodes of these kinds that enclose `node`, innermost first, within its function."""
        found: list[ast.AST] = []
        step = self.parents.get(node)
        while step is not None:
            if isinstance(step, kinds):
                found.append(step)
            if isinstance(step, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
                break
            step = self.parents.get(step)
        return found

    def function_of(self, node: ast.AST) -> ast.FunctionDef | ast.AsyncFunctionDef | None:
        """Return the function that `node` is in; None at module or class level."""
        step = self.parents.get(node)
        while step is not None and not isinstance(step, (ast.FunctionDef, ast.AsyncFunctionDef)):
            step = self.parents.get(step)
        return step

    def function_at(self, line: int) -> str:
        """Return the name of the innermost function that `line` is in; "<module>" outside of all."""
        found = "<module>"
        for node in self.nodes:  # outer functions come before inner ones
            if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                continue
            if node.lineno <= line <= (node.end_lineno or node.lineno):
                found = node.name
        return found

    def loop_at(self, line: int) -> ast.For | ast.AsyncFor | ast.While | None:
        """Return the loop statement that begins on `line`."""
        for node in self.nodes:
            if isinstance(node, (ast.For, ast.AsyncFor, ast.While)) and node.lineno == line:
                return node
        return None


def read_source(path: str | None, *, changed_before: float | None = None) -> Source | None:
    """Return the source at `path`; None when it cannot be read or changed since that instant."""
    if not path:
        return None
    try:
        status = os.stat(path)
        if not stat.S_ISREG(status.st_mode) or status.st_size > _MOST_BYTES:
            return None
        if changed_before is not None and status.st_mtime > changed_before + 1:
            return None
        return _read(path, status.st_mtime_ns)
    except OSError:
        return None


@lru_cache(maxsize=_MOST_FILES)
def _read(path: str, _changed: int) -> Source | None:
    try:
        with tokenize.open(path) as stream:
            return Source(path, stream.read().split("\n"))
    except (OSError, SyntaxError, ValueError, MemoryError):
        return None
