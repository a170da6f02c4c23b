"""Which columns of a data frame the user's source can touch, as far as names tell; gives up when in doubt.

Starts at the expression that makes the frame and follows it through assignments, selections of rows, calls
of the user's own functions and their results. Every way of using it must be known: what is not (the whole
frame handed to a library, a loop over its columns, a column whose name is computed) ends with "any column
may be used". Reads source only; knows nothing of memory.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass, field

from leakhunt.analysis.repeated import functions_named
from leakhunt.analysis.source import Source
from leakhunt.analysis.variables import declared_global, in_class_body, texts_of, uses_of_name, values_given

Function = ast.FunctionDef | ast.AsyncFunctionDef
Scope = tuple[Source, Function | None, str]

#: Attributes that say something about a frame without looking into a column.
_NEUTRAL = frozenset({"shape", "index", "size", "empty", "ndim", "attrs", "Index", "name", "flags"})
#: Methods whose result has the same columns; they look at none.
_SAME = frozenset(
    {"head", "tail", "sample", "copy", "reset_index", "sort_index", "truncate", "take", "set_flags"}
)
#: Methods whose result has the same columns, and whose arguments name those that they look at.
_NAMED = frozenset({"sort_values", "set_index", "astype", "rename", "query", "nlargest", "nsmallest"})
#: The same, but without arguments they look at every column.
_NAMED_OR_ALL = frozenset({"dropna", "drop_duplicates", "groupby"})
_ROWS = frozenset({"itertuples", "iterrows"})
#: Functions that hand through what they are given, one element at a time.
_THROUGH = frozenset({"enumerate", "iter", "list", "tuple", "reversed", "tqdm"})
_LOOKING = frozenset({"len", "isinstance", "id", "type", "bool"})
_PLACES = frozenset({"iloc", "loc", "at", "iat"})
_MOST_STEPS = 400


class Unknown(Exception):
    """The frame is used in a way that may touch any column; the message says how, with the line."""


@dataclass
class FrameUses:
    """What was found: the columns named, and the variables that the frame (or rows of it) passed through."""

    columns: set[str] = field(default_factory=set)
    variables: set[tuple[str, str | None, str]] = field(default_factory=set)


def uses_of(sources: Sequence[Source], source: Source, made: ast.Call, columns: frozenset[str]) -> FrameUses:
    """Return how the frame that `made` makes is used. Raises Unknown when any column may be.

    `sources` must be all of the program's own; `columns` are the names that frames of this file may have.
    """
    following = _Following(sources, columns)
    following.expression(source, made)
    following.check_other_values()
    return following.found


class _Following:
    """One frame on its way through the source."""

    def __init__(self, sources: Sequence[Source], columns: frozenset[str]) -> None:
        self.sources = sources
        self.columns = columns
        self.found = FrameUses()
        self._names: set[tuple[str, int, str]] = set()
        self._scopes: list[Scope] = []
        self._expressions: set[int] = set()
        self._targets: set[int] = set()

    # ---- where the frame goes ---------------------------------------------------------------

    def expression(self, source: Source, node: ast.AST) -> None:
        """Follow an expression whose value is the frame, rows of it, or one row."""
        if id(node) in self._expressions:
            return None
        self._expressions.add(id(node))
        if len(self._expressions) > _MOST_STEPS:
            raise Unknown("too many uses")
        parent = source.parents.get(node)
        if isinstance(parent, (ast.Expr, ast.Delete)):
            return None  # thrown away
        if isinstance(parent, ast.Compare) and all(
            isinstance(sign, (ast.Is, ast.IsNot)) for sign in parent.ops
        ):
            return None  # asked whether it is there
        if isinstance(parent, ast.IfExp):
            return None if parent.test is node else self.expression(source, parent)
        if isinstance(parent, (ast.Assign, ast.AnnAssign, ast.NamedExpr)):
            return self._assigned(source, parent)
        if isinstance(parent, ast.Subscript) and parent.value is node:
            return self._subscript(source, parent)
        if isinstance(parent, ast.Attribute):
            return self._attribute(source, parent)
        if isinstance(parent, ast.Return):
            return self._returned(source, parent)
        if isinstance(parent, (ast.Call, ast.keyword, ast.Starred)):
            return self._handed_on(source, node, parent)
        raise _unknown(node, "is used as a whole")

    def _assigned(self, source: Source, parent: ast.Assign | ast.AnnAssign | ast.NamedExpr) -> None:
        targets = parent.targets if isinstance(parent, ast.Assign) else [parent.target]
        for target in targets:
            self._bound(source, target)
        if isinstance(parent, ast.NamedExpr):
            self.expression(source, parent)

    def _bound(self, source: Source, target: ast.AST) -> None:
        if isinstance(target, ast.Name):
            self._targets.add(id(target))
            if in_class_body(source, target):
                raise _unknown(target, "is an attribute of a class")
            return self._variable(source, source.function_of(target), target.id)
        if (
            isinstance(target, ast.Attribute)
            and isinstance(target.value, ast.Name)
            and target.value.id == "self"
        ):
            return self._own_attribute(source, target)
        raise _unknown(target, "is put into something else")

    def _variable(self, source: Source, function: Function | None, name: str, *, given: bool = True) -> None:
        """Follow every use of a local variable, or of a global one in its file.

        An argument (not `given` here) may be other frames in other calls: it does not stand for this one.
        """
        if function is not None and name in declared_global(function):
            function = None
        key = (source.path, id(function), name)
        if key in self._names:
            return
        self._names.add(key)
        if given:
            self._scopes.append((source, function, name))
            self.found.variables.add((source.path, function.name if function is not None else None, name))
        if function is None:
            self._refuse_importers(source, name)
        for node in uses_of_name(source, function, name):
            if isinstance(node.ctx, ast.Load):
                self.expression(source, node)

    def _refuse_importers(self, source: Source, name: str) -> None:
        """A global that other files read by its name is not followed there."""
        for other in self.sources:
            for node in other.nodes:
                imported = isinstance(node, ast.ImportFrom) and any(
                    one.name in (name, "*") for one in node.names
                )
                if other.path != source.path and (
                    imported or (isinstance(node, ast.Attribute) and node.attr == name)
                ):
                    raise _unknown(node, f"{name} may be used here too")

    def _own_attribute(self, source: Source, target: ast.Attribute) -> None:
        """Follow `self.name` wherever any followed file writes an attribute of that name."""
        key = ("", 0, target.attr)
        if key in self._names:
            return
        self._names.add(key)
        self.found.variables.add((source.path, None, f"self.{target.attr}"))
        self._refuse_computed_attributes()
        for other in self.sources:
            for node in other.nodes:
                if isinstance(node, ast.Attribute) and node.attr == target.attr:
                    if isinstance(node.ctx, ast.Load):
                        self.expression(other, node)
                    elif isinstance(holder := other.parents.get(node), ast.Assign):
                        self._refuse_other_values(holder.value)

    def _refuse_computed_attributes(self) -> None:
        for other in self.sources:
            for node in other.nodes:
                if (
                    isinstance(node, ast.Call)
                    and isinstance(node.func, ast.Name)
                    and node.func.id == "getattr"
                ):
                    raise _unknown(node, "attributes are read by computed names")

    def _returned(self, source: Source, parent: ast.Return) -> None:
        """Follow the result of every call of the function; it must not be handed on without being called."""
        function = source.function_of(parent)
        if function is None:
            raise _unknown(parent, "is returned")
        called = False
        for other in self.sources:
            for node in other.nodes:
                named = node.id if isinstance(node, ast.Name) else getattr(node, "attr", None)
                if named != function.name or not isinstance(getattr(node, "ctx", None), ast.Load):
                    continue
                call = other.parents.get(node)
                if not isinstance(call, ast.Call) or call.func is not node:
                    raise _unknown(node, f"{function.name} is handed on")
                called = True
                self.expression(other, call)
        if not called:
            raise _unknown(parent, "is returned to callers that are not in the source")

    def _handed_on(self, source: Source, node: ast.AST, parent: ast.AST) -> None:
        keyword = parent.arg if isinstance(parent, ast.keyword) else None
        call = source.parents.get(parent) if isinstance(parent, ast.keyword) else parent
        if not isinstance(call, ast.Call) or not isinstance(call.func, (ast.Name, ast.Attribute)):
            raise _unknown(node, "is handed on")
        name = call.func.id if isinstance(call.func, ast.Name) else call.func.attr
        if isinstance(call.func, ast.Name) and name in _LOOKING:
            return
        defined = functions_named(self.sources, name)
        if len(defined) != 1 or isinstance(parent, ast.Starred):
            raise _unknown(call, f"is handed to {name}()")
        other, function = defined[0]
        arguments = [one.arg for one in (*function.args.posonlyargs, *function.args.args)]
        if isinstance(call.func, ast.Attribute) and arguments[:1] == ["self"]:
            arguments = arguments[1:]
        if any(isinstance(one, ast.Starred) for one in call.args) or function.name == "__init__":
            raise _unknown(call, f"is handed to {name}()")
        at = (
            keyword
            or next((arguments[n : n + 1] for n, one in enumerate(call.args) if one is node), [None])[0]
        )
        if at is None or at not in (*arguments, *(one.arg for one in function.args.kwonlyargs)):
            raise _unknown(call, f"is handed to {name}()")
        self._variable(other, function, at, given=False)

    # ---- what is taken out of it ------------------------------------------------------------

    def _subscript(self, source: Source, taken: ast.Subscript) -> None:
        names = texts_of(source, taken.slice)
        if names is not None:
            self.found.columns |= names
            holder = source.parents.get(taken)
            if isinstance(taken.slice, (ast.List, ast.Tuple)) and isinstance(holder, ast.Assign):
                self._refuse_narrowing(source, holder)
            return None
        if not isinstance(taken.ctx, ast.Load):
            raise _unknown(taken, "gets or loses columns whose names are computed")
        if isinstance(taken.slice, ast.Slice) or self._is_mask(source, taken.slice):
            return self.expression(source, taken)
        raise _unknown(taken, "is asked for columns whose names are computed")

    def _refuse_narrowing(self, source: Source, holder: ast.Assign) -> None:
        """`df = df[["a"]]`: the program lets the other columns go by itself."""
        for target in holder.targets:
            if isinstance(target, ast.Name):
                function = source.function_of(target)
                if (source.path, id(function), target.id) in self._names:
                    raise _unknown(holder, "is narrowed by the program itself")

    def _is_mask(self, source: Source, node: ast.AST) -> bool:
        """Tell whether a subscript picks rows: a condition, or a name that one was given to."""
        if isinstance(node, ast.Name):
            values = [value for _, value in values_given(source, source.function_of(node), node.id)]
            return bool(values) and all(
                value is not None and self._is_mask(source, value) for value in values
            )
        if isinstance(node, ast.Call):
            tests = (
                "isin",
                "notna",
                "isna",
                "between",
                "duplicated",
                "contains",
                "startswith",
                "notnull",
                "isnull",
            )
            return isinstance(node.func, ast.Attribute) and node.func.attr in tests
        if isinstance(node, ast.UnaryOp):
            return isinstance(node.op, ast.Invert) and self._is_mask(source, node.operand)
        if isinstance(node, ast.BinOp):
            logical = isinstance(node.op, (ast.BitAnd, ast.BitOr, ast.BitXor))
            return logical and self._is_mask(source, node.left) and self._is_mask(source, node.right)
        return isinstance(node, ast.Compare)

    def _attribute(self, source: Source, node: ast.Attribute) -> None:
        holder = source.parents.get(node)
        if isinstance(holder, ast.Call) and holder.func is node:
            return self._method(source, holder, node.attr)
        if node.attr in _PLACES and isinstance(holder, ast.Subscript):
            return self._place(source, holder, node.attr)
        if node.attr == "columns":
            asked = isinstance(holder, ast.Compare) and isinstance(holder.ops[0], (ast.In, ast.NotIn))
            counted = (
                isinstance(holder, ast.Call) and isinstance(holder.func, ast.Name) and holder.func.id == "len"
            )
            if not (asked or counted):
                raise _unknown(node, "is asked for all its columns")
            return None
        if node.attr in _NEUTRAL:
            return None
        if node.attr not in self.columns:
            raise _unknown(node, f".{node.attr} is taken of it")
        self.found.columns.add(node.attr)  # df.price
        return None

    def _place(self, source: Source, taken: ast.Subscript, how: str) -> None:
        """`df.loc[rows, columns]` and its like."""
        rows, columns = taken.slice, None
        if isinstance(rows, ast.Tuple):
            if len(rows.elts) != 2:
                raise _unknown(taken, f".{how} is taken of it")
            columns = rows.elts[1]
        if columns is None:
            return self.expression(source, taken)
        names = texts_of(source, columns) if how in ("loc", "at") else None
        if names is not None:
            self.found.columns |= names
            return None
        if isinstance(columns, ast.Slice) and columns.lower is columns.upper is None:
            return self.expression(source, taken)
        raise _unknown(taken, "is asked for columns whose names are computed")

    def _method(self, source: Source, call: ast.Call, name: str) -> None:
        given = [*call.args, *(keyword.value for keyword in call.keywords)]
        if name in _SAME:
            return self.expression(source, call)
        if name in ("get", "pop") and call.args and (names := texts_of(source, call.args[0])) is not None:
            self.found.columns |= names
            return None
        if name in _ROWS:
            return self._each_row(source, call)
        if name in _NAMED or (name in _NAMED_OR_ALL and given):
            self.found.columns |= _all_texts(source, call, given)
            return self._grouped(source, call) if name == "groupby" else self.expression(source, call)
        raise _unknown(call, f".{name}() is called on it")

    def _grouped(self, source: Source, call: ast.Call) -> None:
        holder = source.parents.get(call)
        if isinstance(holder, ast.Subscript) and (names := texts_of(source, holder.slice)) is not None:
            self.found.columns |= names
            return
        if isinstance(holder, ast.Attribute) and holder.attr in ("size", "ngroups", "indices", "groups"):
            return
        self._each_row(source, call)

    def _each_row(self, source: Source, call: ast.Call) -> None:
        """Follow what a loop over rows (or groups of rows) is given: the last of the loop's targets."""
        node: ast.AST = call
        holder = source.parents.get(node)
        while (
            isinstance(holder, ast.Call)
            and isinstance(holder.func, ast.Name)
            and holder.func.id in _THROUGH
            and holder.args[:1] == [node]
        ):
            node, holder = holder, source.parents.get(holder)
        if not isinstance(holder, (ast.For, ast.comprehension)) or holder.iter is not node:
            raise _unknown(call, "its rows are handed on")
        target = holder.target
        while isinstance(target, ast.Tuple) and len(target.elts) == 2:
            target = target.elts[1]
        self._bound(source, target)

    # ---- other values of the same variables -------------------------------------------------

    def check_other_values(self) -> None:
        """A variable that holds something else as well cannot be told from the frame in memory."""
        for source, function, name in self._scopes:
            for store, value in values_given(source, function, name):
                if id(store) not in self._targets:
                    self._refuse_other_values(value if value is not None else store)

    def _refuse_other_values(self, value: ast.AST) -> None:
        if id(value) not in self._expressions and not (
            isinstance(value, ast.Constant) and value.value is None
        ):
            raise _unknown(value, "the variable holds something else as well")


def _unknown(node: ast.AST, why: str) -> Unknown:
    return Unknown(f"line {getattr(node, 'lineno', '?')}: {why}")


def _all_texts(source: Source, call: ast.Call, given: Sequence[ast.AST]) -> set[str]:
    """Every text in the arguments of a method that names columns; each must be made of constants."""
    found: set[str] = set()
    for value in given:
        if isinstance(value, ast.Name) and (texts := texts_of(source, value)) is not None:
            found |= texts
            continue
        for node in ast.walk(value):
            if isinstance(node, (ast.Name, ast.Call, ast.Lambda, ast.JoinedStr)) and not (
                isinstance(node, ast.Name) and node.id in ("str", "int", "float", "bool")
            ):
                raise _unknown(call, "is asked for columns whose names are computed")
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.add(node.value)
                found |= {word for word in _words(node.value) if word.isidentifier()}
    return found


def _words(text: str) -> list[str]:
    """The words of a query such as "price > 3 and kind == 'a'"."""
    return "".join(letter if letter.isalnum() or letter == "_" else " " for letter in text).split()
