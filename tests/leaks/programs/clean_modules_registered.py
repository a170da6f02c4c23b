"""Makes a module per plug-in version and takes it out of sys.modules again."""

import math
import os
import sys
import types


def work(i):
    return sum(math.sqrt(i + k) for k in range(20_000))


def load(i):
    module = types.ModuleType(f"plugin_v{i}")
    module.resources = os.urandom(20_000)
    sys.modules[module.__name__] = module
    return module


def main():
    n = int(sys.argv[1])
    for i in range(n):
        work(i)
        module = load(i)
        del sys.modules[module.__name__]
    print(len(module.resources))


if __name__ == "__main__":
    main()
