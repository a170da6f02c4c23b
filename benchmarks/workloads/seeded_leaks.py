"""Thirty leaks of one object to one megabyte per call, each with a twin that does the same and keeps nothing.

`CASES` has them by name: (leak, fixed, what a finding must name). What is to be named is a part of the owner's
path, or the kind of finding where no Python object holds it. Plain functions: they know of no tool.
"""

import atexit
import collections
import ctypes
import functools
import itertools
import logging
import mmap
import os
import socket
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor

CASES = {}
_count = itertools.count(1_000)
libc = ctypes.CDLL(None)
libc.malloc.restype = libc.calloc.restype = libc.strdup.restype = ctypes.c_void_p
libc.calloc.argtypes = [ctypes.c_size_t, ctypes.c_size_t]
libc.free.argtypes = [ctypes.c_void_p]
libc.memset.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t]


def case(expected):
    """Register a function that takes `keep`: True for the leak, False for its twin."""

    def register(function):
        CASES[function.__name__] = (
            functools.partial(function, True),
            functools.partial(function, False),
            expected,
        )
        return function

    return register


kept_objects = []
kept_blobs = []
by_number = {}
names = set()
events = collections.deque()
ordered = collections.OrderedDict()
log_text = bytearray()
history = ()
text = ""
failures = []
streams = []
finalized = []


class Registry:
    callbacks = []

    def __init__(self):
        self.listeners = {}


registry = Registry()


@case("kept_objects")
def one_object_in_a_list(keep):
    item = object()
    if keep:
        kept_objects.append(item)


@case("kept_blobs")
def a_megabyte_in_a_list(keep):
    blob = bytearray(1_000_000)
    if keep:
        kept_blobs.append(blob)


@case("by_number")
def an_entry_in_a_dict(keep):
    number = next(_count)
    if keep:
        by_number[number] = str(number)


@case("names")
def a_name_in_a_set(keep):
    name = f"name-{next(_count)}"
    if keep:
        names.add(name)


@case("events")
def an_event_in_a_deque(keep):
    (events if keep else collections.deque()).append(("event", next(_count)))


@case("ordered")
def a_page_in_an_ordered_dict(keep):
    pages = ordered if keep else collections.OrderedDict()
    pages[next(_count)] = bytes(500)


@case("log_text")
def bytes_in_a_bytearray(keep):
    (log_text if keep else bytearray()).extend(b"x" * 100)


@case("history")
def a_tuple_that_is_rebuilt(keep):
    global history
    history = (*history, next(_count)) if keep else (next(_count),)


@case("text")
def text_that_is_joined_on(keep):
    global text
    text = text + "0123456789" * 10 if keep else "0123456789" * 10


@case("callbacks")
def a_callback_in_a_class_attribute(keep):
    number = next(_count)
    if keep:
        Registry.callbacks.append(lambda: number)


@case("listeners")
def a_listener_in_an_attribute(keep):
    listeners = registry.listeners if keep else {}
    listeners[next(_count)] = object()


def _closure():
    seen = []

    def add(keep):
        item = bytearray(64)
        if keep:
            seen.append(item)

    return add


_add = _closure()


@case("seen")
def an_item_in_a_closure(keep):
    _add(keep)


def _remember(item, keep, memory=[]):
    if keep:
        memory.append(item)


@case("memory")
def an_item_in_a_default_argument(keep):
    _remember(bytearray(64), keep)


@functools.cache
def _unbounded(number):
    return str(number) * 20


@functools.lru_cache(maxsize=16)
def _bounded(number):
    return str(number) * 20


@case("_unbounded")
def an_unbounded_cache(keep):
    (_unbounded if keep else _bounded)(next(_count))


@case("handlers")
def a_log_handler_per_call(keep):
    logger = logging.getLogger("seeded")
    handler = logging.NullHandler()
    logger.addHandler(handler)
    if not keep:
        logger.removeHandler(handler)


def _at_exit(number):
    pass


@case("growing-type|native|atexit")
def a_function_for_the_exit(keep):
    if keep:
        atexit.register(functools.partial(_at_exit, next(_count)))
    else:
        _at_exit(next(_count))


@case("failures")
def an_exception_with_its_traceback(keep):
    payload = bytes(1_000)
    try:
        raise ValueError(len(payload))
    except ValueError as error:
        if keep:
            failures.append(error)


def _stream():
    buffer = bytes(2_000)
    yield 1
    yield buffer


@case("streams")
def a_generator_that_is_not_finished(keep):
    stream = _stream()
    next(stream)
    if keep:
        streams.append(stream)
    else:
        stream.close()


_living = Registry()


@case("_registry")
def a_finalizer_of_something_that_lives(keep):
    finalizer = weakref.finalize(_living, _at_exit, next(_count))
    if not keep:
        finalizer.detach()


@case("growing-type|native")
def a_reference_that_c_code_keeps(keep):
    item = [next(_count)]
    if keep:
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(item))


@case("native-growth")
def a_byte_from_malloc(keep):
    block = libc.malloc(1)
    if not keep:
        libc.free(block)


@case("native-growth")
def a_kilobyte_from_malloc(keep):
    block = libc.malloc(1_000)
    if not keep:
        libc.free(block)


@case("native-growth")
def a_megabyte_from_calloc(keep):
    block = libc.calloc(1, 1_000_000)
    libc.memset(block, 1, 1_000_000)
    if not keep:
        libc.free(block)


@case("native-growth")
def a_string_from_strdup(keep):
    copy = libc.strdup(b"a string that the library copies for itself")
    if not keep:
        libc.free(copy)


_maps = ctypes.CDLL(None)
_maps.mmap.restype = ctypes.c_void_p
_maps.mmap.argtypes = [
    ctypes.c_void_p,
    ctypes.c_size_t,
    ctypes.c_int,
    ctypes.c_int,
    ctypes.c_int,
    ctypes.c_long,
]
_maps.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]


@case("native-growth")
def a_mapping_made_by_hand(keep):
    size = 128 * 1024
    place = _maps.mmap(
        None, size, mmap.PROT_READ | mmap.PROT_WRITE, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, -1, 0
    )
    libc.memset(place, 1, size)
    if not keep:
        _maps.munmap(place, size)


@case("handle-growth")
def an_open_file(keep):
    handle = os.open(os.devnull, os.O_RDONLY)
    if not keep:
        os.close(handle)


@case("handle-growth")
def a_socket(keep):
    handle = socket.socket().detach()
    if not keep:
        os.close(handle)


@case("handle-growth")
def a_pipe(keep):
    ends = os.pipe()
    if not keep:
        for end in ends:
            os.close(end)


_never = threading.Event()


@case("thread-growth")
def a_thread_that_waits_for_ever(keep):
    thread = threading.Thread(target=_never.wait if keep else len, args=() if keep else ("",), daemon=True)
    thread.start()
    if not keep:
        thread.join()


_executors = []


@case("thread-growth|_executors")
def an_executor_that_is_not_shut_down(keep):
    executor = ThreadPoolExecutor(1)
    executor.submit(len, "").result()
    if keep:
        _executors.append(executor)
    else:
        executor.shutdown()
