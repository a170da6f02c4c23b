import sys

if sys.path and not (sys.flags.isolated or getattr(sys.flags, "safe_path", False)):
    del sys.path[0]


def _start():  # type: ignore[no-untyped-def]
    # The supervisor runs this file in place of the target's script. It is no module of the package and has
    # no docstring and few names, since it lends its `__main__` to the target.
    import os

    try:
        with open("/proc/self/statm", "rb") as file:
            resident = int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        resident = None
    before = frozenset(sys.modules)
    import _frozen_importlib
    import _frozen_importlib_external as external
    import json

    with open(os.environ.pop("LEAKHUNT_AGENT"), encoding="utf-8") as file:
        config = json.load(file)
    config["resident_before"] = resident
    folder = config["package_dir"]
    spec = external.spec_from_file_location(
        "leakhunt", os.path.join(folder, "__init__.py"), submodule_search_locations=[folder]
    )
    _frozen_importlib._load(spec)  # type: ignore[attr-defined]
    from leakhunt.capture.target import run

    return run, config, before


_run, _config, _before = _start()  # type: ignore[no-untyped-call]
_run(_config, _before)
