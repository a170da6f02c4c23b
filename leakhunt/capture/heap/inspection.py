"""Looking at an object of the target without running any of the target's code.

Attribute access, `len`, `repr`, `hash`, `isinstance` and even `type(o).__name__` can be answered by
user code (properties, metaclasses, `__class__` lies). Everything here goes through descriptors that
C types define. Nothing here walks the heap.
"""

from __future__ import annotations

import sys
import types
from collections.abc import Callable
from typing import Any

_MRO = type.__dict__["__mro__"].__get__
_VARS = type.__dict__["__dict__"].__get__
_QUALNAME = type.__dict__["__qualname__"].__get__
_FLAGS = type.__dict__["__flags__"].__get__
_BASIC_SIZE = type.__dict__["__basicsize__"].__get__
_ITEM_SIZE = type.__dict__["__itemsize__"].__get__
_DICT_OFFSET = type.__dict__["__dictoffset__"].__get__
_WEAK_OFFSET = type.__dict__["__weakrefoffset__"].__get__
_MODULE_DICT = vars(types.ModuleType)["__dict__"].__get__

HEAP_TYPE = 1 << 9
HAS_GC = 1 << 14
GC_HEADER = 16

#: Slot wrappers that C types use for `__sizeof__`; a plain function there would be user code.
_C_METHODS = (types.MethodDescriptorType, types.WrapperDescriptorType)


def mro_of(cls: type) -> tuple[type, ...]:
    """Return the method resolution order as the interpreter holds it."""
    return _MRO(cls) or (cls,)


def vars_of(cls: type) -> Any:
    """Return the class's own namespace as a read-only mapping."""
    return _VARS(cls)


def is_heap_type(cls: type) -> bool:
    return bool(_FLAGS(cls) & HEAP_TYPE)


def type_module(cls: type) -> str | None:
    """Return the module that the class says it comes from, or None where that is not a plain string."""
    if is_heap_type(cls):
        name = vars_of(cls).get("__module__")
    else:
        name = cls.__module__ if type(cls) is type else None
    return name if type(name) is str else None


def type_name(cls: type) -> str:
    """Return `module.Qualname`, without the module for builtins and `__main__`."""
    qualname = _QUALNAME(cls)
    module = type_module(cls)
    if module is None or module in ("builtins", "__main__"):
        return str(qualname)
    return f"{module}.{qualname}"


def dict_getter(cls: type) -> Callable[[Any], Any] | None:
    """Return the C function that reads an instance's `__dict__`, or None for instances without one."""
    for base in mro_of(cls):
        entry = vars_of(base).get("__dict__")
        if type(entry) is types.GetSetDescriptorType:
            return entry.__get__
    return None


def slot_getters(cls: type) -> list[tuple[str, Callable[[Any], Any]]]:
    """Return the named slots of Python classes in the hierarchy (`__slots__`), with their C readers."""
    found: dict[str, Callable[[Any], Any]] = {}
    for base in mro_of(cls):
        namespace = vars_of(base)
        if not is_heap_type(base) or "__slots__" not in namespace:
            continue
        for name, entry in namespace.items():
            if type(entry) is types.MemberDescriptorType and type(name) is str and name not in found:
                found[name] = entry.__get__
    return list(found.items())


def module_dict(module: Any) -> dict[str, Any] | None:
    """Return a module's namespace, or None when the object in `sys.modules` is no module."""
    if types.ModuleType not in mro_of(type(module)):
        return None
    namespace = _MODULE_DICT(module)
    return namespace if type(namespace) is dict else None


def shallow_sizer(cls: type) -> Callable[[Any], int]:
    """Return a function from an instance to its own bytes that never runs a Python `__sizeof__`."""
    header = GC_HEADER if _FLAGS(cls) & HAS_GC else 0
    for base in mro_of(cls):
        entry = vars_of(base).get("__sizeof__")
        if entry is None:
            continue
        if base is object:
            if _ITEM_SIZE(cls):  # bytes, tuple: the inherited method adds the items of each instance
                inherited = object.__sizeof__
                return lambda o: int(inherited(o)) + header
            fixed = int(_BASIC_SIZE(cls)) + header
            return lambda _o: fixed
        if type(entry) in _C_METHODS:
            measure = entry
            return lambda o: int(measure(o)) + header
        break
    fixed = int(_BASIC_SIZE(cls)) + header
    return lambda _o: fixed


def loaded_namespace(name: str) -> dict[str, Any] | None:
    """Return the namespace of a loaded module by name, or None."""
    module = sys.modules.get(name)
    return None if module is None else module_dict(module)


def function_home(function: types.FunctionType) -> tuple[str | None, str]:
    """Return (module name, qualified name) where a function says it was defined."""
    module, qualname = function.__module__, function.__qualname__
    return (module if type(module) is str else None), (qualname if type(qualname) is str else "<function>")


def code_name(code: types.CodeType) -> str:
    """Return the qualified name of a code object (the bare one before Python 3.11)."""
    return str(getattr(code, "co_qualname", code.co_name))


def frame_module(frame: types.FrameType) -> str | None:
    """Return the module that a frame's code runs in."""
    name = frame.f_globals.get("__name__")
    return name if type(name) is str else None


def has_hidden_fields(cls: type) -> bool:
    """Return whether instances hold more than a header, slots, a dict and weak references: C fields."""
    if _ITEM_SIZE(cls):
        return True
    size = object.__basicsize__
    for base in mro_of(cls):
        namespace = vars_of(base)
        if "__slots__" in namespace:
            size += 8 * sum(type(entry) is types.MemberDescriptorType for entry in namespace.values())
    size += 8 * (_DICT_OFFSET(cls) > 0) + 8 * (_WEAK_OFFSET(cls) > 0)
    return bool(_BASIC_SIZE(cls) != size)
