"""Every kind of holder is named as its programmer would name it."""

import pytest
from census_programs import observe

PROGRAM = """
    import asyncio, collections, contextvars, functools, importlib.util, sys, threading, types
    from census_boundaries import boundary, report
    import app
    from pkg import cache

    RESULTS = []
    SETTINGS = {"rows": {"seen": []}}
    ROWS = {}
    NAMES = set()
    RECENT = collections.deque()
    ORDERED = collections.OrderedDict()
    DEFAULTS = collections.defaultdict(list)
    TEXT = {}
    LOADED = []
    blob = bytearray()
    sentence = ""
    pairs = ()

    class Sub(list):
        pass

    class Service:
        registry = []
        def __init__(self):
            self.items = []
        @functools.lru_cache(maxsize=None)
        def compute(self, x):
            return [x]
        def handle(self, x):
            self.items.append([x])

    class Slotted:
        __slots__ = ("held",)
        def __init__(self):
            self.held = []

    sub = Sub()
    service = Service()
    slotted = Slotted()
    handler = Service().handle
    errors = []
    request = contextvars.ContextVar("request")
    request.set([])
    local = threading.local()
    local.buffer = []

    @functools.lru_cache(maxsize=None)
    def squares(x):
        return [x * x]

    def outer():
        acc = []
        def inner(x):
            acc.append([x])
        return inner

    def remember(x, seen=[]):
        seen.append([x])

    def remember_named(x, *, log=[]):
        log.append([x])

    def stream():
        window = []
        while True:
            x = yield
            window.append([x])

    def explode():
        big = []
        1 / 0

    async def worker():
        inbox = []
        while True:
            await asyncio.sleep(0)
            inbox.append([1])

    def plug_in(x):
        module = types.ModuleType("version%d" % x)
        module.rows = "%d" % x * 2_000
        sys.modules[module.__name__] = module

    def plug_in_from_file(x):
        spec = importlib.util.spec_from_file_location("loaded%d" % x, app.__file__)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        LOADED.append(module)
        sys.modules["loaded%d" % x] = module

    add = outer()
    source = stream()
    next(source)
    try:
        explode()
    except ZeroDivisionError as error:
        errors.append(error)

    async def main(agent):
        global sentence, pairs
        results = []
        task = asyncio.create_task(worker())
        await asyncio.sleep(0)
        keep = agent
        for i in range(1, 41):
            await asyncio.sleep(0)
            results.append({"a": i * 1000, "b": "x" * 50})
            RESULTS.append([i]); SETTINGS["rows"]["seen"].append([i]); ROWS[i] = "text of %d" % i
            NAMES.add("n%d" % i); RECENT.append([i]); ORDERED[i] = [i]; DEFAULTS[i].append(i)
            TEXT["key %d" % i] = i; sub.append([i])
            blob.extend(b"x" * 1000); sentence += "y" * 500; pairs = pairs + ([i],)
            Service.registry.append([i]); service.items.append([i]); slotted.held.append([i]); handler(i)
            service.compute(i); squares(i); add(i); remember(i); remember_named(i); source.send(i)
            plug_in(i); plug_in_from_file(i)
            request.get().append([i]); local.buffer.append([i]); 
            errors[0].__traceback__.tb_next.tb_frame.f_locals["big"].append([i])
            cache.CACHE["rows"].append([i]); app.state.pool["jobs"].append([i]); keep.buffer.items.append([i])
            boundary(i)
        report()
        task.cancel()

    if __name__ == "__main__":
        asyncio.run(main(app.Agent()))
"""
APP = """
    class Buffer:
        def __init__(self):
            self.items = []
    class Agent:
        def __init__(self):
            self.buffer = Buffer()
    class State:
        def __init__(self):
            self.pool = {"jobs": []}
    state = State()
"""


def line_of(text):
    """The line of the program (written out with its first line blank) that holds `text`."""
    return next(number for number, line in enumerate(PROGRAM.splitlines(), 1) if text in line)


HOLDERS = {
    "module global": "program.RESULTS",
    "nested dict": "program.SETTINGS['rows']['seen']",
    "dict of int to str, which the collector does not track": "program.ROWS",
    "set": "program.NAMES",
    "deque": "program.RECENT",
    "OrderedDict": "program.ORDERED",
    "defaultdict": "program.DEFAULTS",
    "dict of str": "program.TEXT",
    "list subclass": "program.sub",
    "bytearray": "program.blob",
    "rebound str": "program.sentence",
    "rebound tuple": "program.pairs",
    "class attribute": "program.Service.registry",
    "instance attribute": "program.service.items",
    "slot": "program.slotted.held",
    "bound method": "program.handler.__self__.items",
    "local of a running coroutine": "program.main() local results",
    "attribute of a local": "keep.buffer.items  (program.main() local keep)",
    "closure": "closure variable acc of outer.<locals>.inner",
    "default argument": "default argument seen of remember()",
    "keyword default": "default argument log of remember_named()",
    "lru_cache": "cache of squares (functools.lru_cache)",
    "lru_cache on a method": "cache of Service.compute (functools.lru_cache, key self)",
    "generator local": f"generator stream() suspended at line {line_of('x = yield')}, local window",
    "coroutine local": f"coroutine worker() suspended at line {line_of('sleep(0)')}, local inbox",
    "contextvar": "contextvar request",
    "threading.local": "threading.local in program.local .buffer",
    "frame of a traceback": "exception program.errors[*].__traceback__ -> explode() local big",
    "module of a package": "pkg.cache.CACHE['rows']",
    "modules made by hand, known to the import system alone": "sys.modules",
    "modules of one file, which the program holds as well": "program.LOADED",
    "object in another module": "app.state.pool['jobs']",
}


@pytest.fixture(scope="module")
def holders(tmp_path_factory):
    files = {
        "program.py": PROGRAM, "app.py": APP, "pkg/__init__.py": "", "pkg/cache.py": "CACHE = {'rows': []}\n",
    }  # fmt: skip
    return observe(tmp_path_factory.mktemp("holders"), files)


@pytest.mark.parametrize("shape", HOLDERS)
def test_a_growing_holder_is_named(holders, shape):
    expected = HOLDERS[shape]
    if expected.startswith("keep.buffer"):
        # `agent` and `keep` are the same object: either name is right
        assert {expected, expected.replace("keep", "agent")} & set(holders.paths), holders.paths
    else:
        assert expected in holders.paths, holders.paths


def test_nothing_else_grows(holders):
    known = set(HOLDERS.values()) | {value.replace("keep", "agent") for value in HOLDERS.values()}

    assert [path for path in holders.paths if path not in known] == []


def test_growth_is_counted_exactly(holders):
    growth = holders.growth("program.RESULTS")

    assert growth.turns == [8, 16, 24, 32, 40]
    assert growth.lengths == [8, 16, 24, 32, 40]
    assert growth.bytes == sorted(growth.bytes)


def test_contents_name_what_accumulates(holders):
    growth = holders.growth("program.main() local results")

    assert growth.contents[0][0] == "dict"
    assert growth.contents[0][1] == 40
    assert "results-dicts" in growth.tags


def test_keys_leave_out_line_numbers(holders):
    growth = holders.growth(HOLDERS["generator local"])

    assert growth.key == "generator stream() suspended, local window"


def test_suspects_are_found_again_in_the_running_program(holders):
    assert holders.report["resolved"]["program.main() local results"] == 40
    lost = [path for path, length in holders.report["resolved"].items() if length is None]
    assert lost == []


def test_the_method_cache_is_tagged(holders):
    assert "lru_cache-self" in holders.growth(HOLDERS["lru_cache on a method"]).tags
