"""Where the walk starts, in the order in which a programmer would rather see a holder named.

Modules of the project, then local variables of running functions, then threads and context
variables, then everybody else's modules and frames. leakhunt itself is no root.
"""

from __future__ import annotations

import contextvars
import os
import re
import sys
import sysconfig
import threading
import types
from dataclasses import dataclass
from typing import Any

from leakhunt.capture import own
from leakhunt.capture.heap import inspection as look
from leakhunt.capture.heap.frames import locals_of, running_frames
from leakhunt.capture.heap.namespaces import read_names
from leakhunt.capture.heap.walk import Node, Walk

#: So many modules of one file, or made by hand, are versions of one module.
_FEWEST_VERSIONS = 3


@dataclass(frozen=True)
class Project:
    """What counts as the user's own code: files under the root that are no installed library."""

    root: str
    libraries: tuple[str, ...]

    @classmethod
    def at(cls, root: str) -> Project:
        """Return the project under `root`. Imports and reads files: before the fork, never in the copy."""
        paths = sysconfig.get_paths()
        libraries = tuple(
            paths[name] + os.sep for name in ("stdlib", "platstdlib", "purelib", "platlib") if name in paths
        )
        return cls(os.path.abspath(root).rstrip(os.sep) + os.sep, libraries)

    def owns(self, file: Any) -> bool:
        """Return whether a source file is the user's own."""
        if type(file) is not str:
            return False
        return (
            file.startswith(self.root)
            and not file.startswith(self.libraries)
            and "site-packages" not in file
            and "dist-packages" not in file
        )


def walk_from_roots(walk: Walk, project: Project, *, libraries: bool) -> None:
    """Walk the heap from all roots, the user's own first; from those of `libraries` only where asked."""
    frames = running_frames()
    walk.running_frames = {id(frame) for chain in frames.values() for frame in chain}
    own, foreign = _modules(project)
    versions = _versions_of_modules()
    walk.anonymous_modules = {id(module) for module in versions}
    own, foreign = _without(own, versions), _without(foreign, versions)
    _walk_modules(walk, own, user=True)
    _walk_versions(walk, versions)
    _walk_frames(walk, frames, project, user=True)
    walk.drain()
    _walk_contexts(walk)
    walk.drain()
    walk.own_complete = walk.complete
    if not libraries:
        walk.complete = False
        return
    _walk_modules(walk, foreign, user=False)
    _walk_frames(walk, frames, project, user=False)
    walk.drain()
    walk.walked_modules.update(sys.modules)
    walk.enter_deferred()
    walk.drain()


def _modules(project: Project) -> tuple[list[tuple[str, dict[str, Any]]], list[tuple[str, dict[str, Any]]]]:
    users: list[tuple[str, dict[str, Any]]] = []
    foreign: list[tuple[str, dict[str, Any]]] = []
    main = look.module_dict(sys.modules.get("__main__"))
    for name, module in list(sys.modules.items()):
        namespace = look.module_dict(module)
        if type(name) is not str or namespace is None or name.partition(".")[0] == "leakhunt":
            continue
        if namespace is main and name != "__main__":
            continue  # multiprocessing lists the program under a second name
        (users if name == "__main__" or project.owns(namespace.get("__file__")) else foreign).append(
            (name, namespace)
        )
    # A module is listed before those that it imports: the other way round, things defined in an
    # imported module are named there and not by who imported them.
    users.reverse()
    return users, foreign


def _versions_of_modules() -> list[types.ModuleType]:
    """The modules that are no place of their own: one file loaded over and over, or made by hand, under new names.

    What grows then is `sys.modules`. The first of a file, and a few made by hand, are named like any other.
    """
    by_file: dict[str, list[types.ModuleType]] = {}
    by_hand: list[types.ModuleType] = []
    for name, module in list(sys.modules.items()):
        namespace = look.module_dict(module) if type(module) is types.ModuleType else None
        if namespace is None or name == "__main__":
            continue
        file = namespace.get("__file__")
        if type(file) is str:
            by_file.setdefault(file, []).append(module)
        elif namespace.get("__spec__") is None and namespace.get("__loader__") is None:
            by_hand.append(module)
    versions = by_hand if len(by_hand) >= _FEWEST_VERSIONS else []
    for loaded in by_file.values():
        if len(loaded) >= _FEWEST_VERSIONS:
            versions = versions + loaded[1:]
    return versions


def _without(
    modules: list[tuple[str, dict[str, Any]]], versions: list[types.ModuleType]
) -> list[tuple[str, dict[str, Any]]]:
    namespaces = {id(look.module_dict(module)) for module in versions}
    return [(name, namespace) for name, namespace in modules if id(namespace) not in namespaces]


def _walk_versions(walk: Walk, versions: list[types.ModuleType]) -> None:
    """Charge to `sys.modules` what no variable of the program's holds of them."""
    node = walk.root("sys.modules", {"kind": "module", "file": None, "user": True})
    node.kind = walk.kind_of(dict)
    node.length = float(len(versions))
    node.objects = 1.0
    walk.spread(node, "[*]", versions, 1.0)
    walk.drain()


def _walk_modules(walk: Walk, modules: list[tuple[str, dict[str, Any]]], *, user: bool) -> None:
    for name, namespace in modules:
        if id(namespace) in walk.seen:
            continue
        walk.seen.add(id(namespace))
        shown = f"<leakhunt> {name}" if name in own.NAMES else name
        node = walk.root(shown, {"kind": "module", "file": namespace.get("__file__"), "user": user})
        if name == "__main__":
            node.note["shown"] = main_name(namespace)
        node.length = float(len(namespace))
        node.objects = 1.0
        for label, value in list(namespace.items()):
            dunder = type(label) is str and label.startswith("__") and label.endswith("__")
            if type(label) is str and (not dunder or label == "__warningregistry__"):
                if label.startswith("_leakhunt"):
                    continue
                walk.spread(node, "." + label, (value,), 1.0)
    walk.drain()
    walk.walked_modules.update(name for name, _ in modules)
    walk.enter_deferred()
    walk.drain()


def main_name(namespace: dict[str, Any]) -> str:
    spec = namespace.get("__spec__")
    if spec is not None and type(getattr(spec, "name", None)) is str:
        return str(spec.name)
    file = namespace.get("__file__")
    return os.path.splitext(os.path.basename(file))[0] if type(file) is str else "__main__"


def _walk_frames(
    walk: Walk, frames: dict[int, list[types.FrameType]], project: Project, *, user: bool
) -> None:
    main = threading.main_thread().ident
    threads: dict[int, threading.Thread] = dict(threading._active)  # type: ignore[attr-defined]
    for ident, chain in sorted(frames.items(), key=lambda item: item[0] != main):
        parent = None if ident == main else _thread_node(walk, threads.get(ident), ident)
        for frame in chain:
            if project.owns(frame.f_code.co_filename) is not user or id(frame) in walk.seen:
                continue
            walk.seen.add(id(frame))
            _walk_frame(walk, frame, parent, user)
        walk.drain()


def _walk_frame(walk: Walk, frame: types.FrameType, thread: Node | None, user: bool) -> None:
    if frame.f_locals is frame.f_globals:
        return
    code = frame.f_code
    module = look.frame_module(frame)
    name = look.code_name(code)
    note = {
        "kind": "frame",
        "function": name,
        "module": module,
        "file": code.co_filename,
        "line": code.co_firstlineno,
        "user": user,
    }
    if module == "__main__":
        note["shown"] = main_name(frame.f_globals)
    if thread is None:
        node = walk.root(f"frame {module}:{name}", note)
    else:
        node = walk.child(thread, f"frame {module}:{name}", walk.kind_of(types.FrameType))
        node.note.update(note)
    node.objects += 1.0
    read_names(walk, node, [locals_of(frame, walk.forked)], 1.0, "=")


def _thread_node(walk: Walk, thread: threading.Thread | None, ident: int) -> Node:
    """The path of a running thread: threads of the same name and target are one path."""
    root = walk.root("threads", {"kind": "threads", "user": True})
    name, target = "?", ""
    if thread is not None:
        own = look.dict_getter(threading.Thread)(thread)  # type: ignore[misc]
        name = own.get("_name") if type(own.get("_name")) is str else "?"
        work = own.get("_target")
        if type(work) is types.FunctionType:
            target = look.function_home(work)[1]
        elif type(work) is types.MethodType:
            target = (
                look.code_name(work.__func__.__code__) if type(work.__func__) is types.FunctionType else ""
            )
        else:
            target = look.type_name(type(thread))
    kind = walk.kind_of(threading.Thread)
    node = walk.child(root, f"thread {re.sub('[0-9]+', '*', name)} {target}", kind)
    node.note.setdefault("name", name)
    node.note.setdefault("target", target)
    if thread is not None and id(thread) not in walk.seen:
        walk.seen.add(id(thread))
        node.objects += 1.0
        read_names(walk, node, [own], 1.0)
    elif thread is None:
        node.objects += 1.0
    return node


def _walk_contexts(walk: Walk) -> None:
    node = walk.root("context", {"kind": "context", "user": True})
    context = contextvars.copy_context()
    for variable, value in list(context.items()):
        walk.spread(node, "$" + variable.name, (value,), 1.0)
