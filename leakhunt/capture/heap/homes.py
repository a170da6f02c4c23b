"""Which functions, classes and modules are entered from where they were met.

A function or class is best named by the module that defines it, not by whoever imported it. These
gates return True for "not from here"; what is met only away from home is entered at the end.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from leakhunt.capture.heap import inspection as look

if TYPE_CHECKING:
    from leakhunt.capture.heap.walk import Node, Walk


def module_gate(walk: Walk, node: Node, label: str, value: Any) -> bool:
    """Keep out of loaded modules: each is a root of its own, but for those that are one of many versions."""
    if id(value) in walk.anonymous_modules:
        return False
    namespace = look.module_dict(value)
    name = namespace.get("__name__") if namespace is not None else None
    return type(name) is str and sys.modules.get(name) is value


def function_gate(walk: Walk, node: Node, label: str, value: Any) -> bool:
    """Keep out of functions that carry nothing, and of those with a home elsewhere."""
    module, qualname = look.function_home(value)
    if module is not None and module.partition(".")[0] == "leakhunt":
        return True
    if not (value.__closure__ or value.__defaults__ or value.__kwdefaults__ or value.__dict__):
        return True
    return _away(walk, node, label, value, module, qualname)


def class_gate(walk: Walk, node: Node, label: str, value: Any) -> bool:
    """Keep out of classes with a home elsewhere."""
    module = look.type_module(value)
    if module is not None and module.partition(".")[0] == "leakhunt":
        return True
    return _away(walk, node, label, value, module, look.type_name(value))


def _away(walk: Walk, node: Node, label: str, value: Any, module: str | None, qualname: str) -> bool:
    if module is None or "<locals>" in qualname or module in walk.walked_modules or module not in sys.modules:
        return False
    at_home = node.label == module if node.parent is None else issubclass(node.kind.cls, type)
    if not at_home:
        walk.deferred.append((node, label, value))
    return not at_home
