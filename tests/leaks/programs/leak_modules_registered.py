"""Makes a module per plug-in version and enters it in sys.modules."""

import math
import os
import sys
import types


def work(i):
    return sum(math.sqrt(i + k) for k in range(20_000))


def load(i):
    module = types.ModuleType(f"plugin_v{i}")
    module.resources = os.urandom(20_000)  # allocates
    sys.modules[module.__name__] = module  # grows
    return module


def main():
    n = int(sys.argv[1])
    for i in range(n):
        work(i)
        module = load(i)
    print(len(module.resources))


if __name__ == "__main__":
    main()
