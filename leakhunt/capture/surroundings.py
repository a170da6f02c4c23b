"""Reads by name what the process holds besides its heap: mappings, descriptors, threads, segments.

Names that differ only in numbers or random parts become one pattern (`chunk-*.csv`), so that a thousand
files are one line. Read a few times a run: it costs milliseconds. Judges nothing, never raises.
"""

from __future__ import annotations

import ctypes
import gc
import os
import re
import sys
import time
from types import FunctionType, MethodType
from typing import Any

from leakhunt.syscalls import entries, link_target, pread, read_whole

#: Groups that a record keeps, those of most members or bytes first.
_MOST_GROUPS = 60
#: Of more descriptors than this only the newest are asked for their names.
_MOST_DESCRIPTORS = 2_000
_MOST_SOCKET_TABLE = 1 << 20
SEGMENTS = "/dev/shm"
_IPV4_IN_IPV6 = bytes(10) + b"\xff\xff"

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_RANDOM = re.compile(r"(?<![a-z0-9])(tmp|psm_|sem\.mp-)[a-z0-9_]{8}(?![a-z0-9])")
_HEX = re.compile(r"(?<![a-z0-9])(?=[a-f]*\d)[0-9a-f]{8,}(?![a-z0-9])")
_DIGITS = re.compile(r"\d+")
_STARS = re.compile(r"\*(?:[.,:_-]?\*)+")
_MAPPING = re.compile(
    rb"^[0-9a-f]+-[0-9a-f]+ (\S{4}) \S+ \S+ \S+ *(.*)\nSize: +(\d+) kB\n(?:\w+PageSize:.*\n)*Rss: +(\d+) kB",
    re.MULTILINE,
)


def pattern_of(name: str) -> str:
    """Return the name with `*` for its numbers and random parts."""
    name = _UUID.sub("*", name)
    name = _RANDOM.sub(r"\1*", name)
    name = _HEX.sub("*", name)
    return _STARS.sub("*", _DIGITS.sub("*", name))


def read_surroundings() -> list[Any]:
    """Return maps, segments, descriptors, threads, collector and the seconds it took; None where unreadable."""
    began = time.perf_counter()
    read: list[Any] = []
    for reader in (mappings, segments, descriptors, threads, collector):
        try:
            read.append(reader())
        except Exception:
            read.append(None)
    return [*read, round(time.perf_counter() - began, 6)]


def mappings() -> dict[str, list[int]]:
    """Return the mappings by name: [how many, bytes, resident bytes]."""
    found: dict[str, list[int]] = {}
    labels: dict[tuple[bytes, bool], str] = {}  # a library has several mappings
    for permissions, name, size, resident in _MAPPING.findall(read_whole("/proc/self/smaps")):
        shared = permissions.endswith(b"s")
        label = labels.get((name, shared))
        if label is None:
            label = labels[name, shared] = _mapping_label(os.fsdecode(name), shared=shared)
        entry = found.setdefault(label, [0, 0, 0])
        entry[0] += 1
        entry[1] += int(size) * 1024
        entry[2] += int(resident) * 1024
    return _largest(found, lambda entry: entry[1])


def _mapping_label(name: str, *, shared: bool) -> str:
    if not name:
        return "shared anonymous memory" if shared else "anonymous memory"
    if name.startswith("/dev/zero") and shared:
        return "shared anonymous memory"
    return pattern_of(name) if name.startswith(("/", "[anon")) else name


def segments() -> dict[str, list[int]]:
    """Return this user's files in /dev/shm, made since the process began, by name: [how many, bytes, resident]."""
    found: dict[str, list[int]] = {}
    born = os.stat("/proc/self").st_ctime
    owner = os.getuid()
    for name in entries(SEGMENTS):
        try:
            status = os.stat(f"{SEGMENTS}/{name}")
        except OSError:
            continue
        if status.st_uid != owner or status.st_ctime < born - 1.0:
            continue
        entry = found.setdefault(pattern_of(name), [0, 0, 0])
        entry[0] += 1
        entry[1] += status.st_size
        entry[2] += status.st_blocks * 512
    return _largest(found, lambda entry: entry[0])


def descriptors() -> dict[str, int]:
    """Return how many descriptors are open by what they lead to."""
    numbers = sorted(map(int, entries("/proc/self/fd")))
    targets = []
    for number in numbers[-_MOST_DESCRIPTORS:]:
        try:
            targets.append(link_target(f"/proc/self/fd/{number}"))
        except OSError:
            continue
    sockets = [target for target in targets if target.startswith("socket:[")]
    peers = _peers() if sockets else {}
    found: dict[str, int] = {}
    for target in targets:
        label = _descriptor_label(target, peers)
        found[label] = found.get(label, 0) + 1
    left_out = len(numbers) - min(len(numbers), _MOST_DESCRIPTORS)
    if left_out:
        found[""] = left_out
    return _largest(found, lambda count: count)


def _descriptor_label(target: str, peers: dict[str, str]) -> str:
    if target.startswith("/"):
        return pattern_of(target)
    kind, _, rest = target.partition(":")
    if kind == "socket":
        return peers.get(rest.strip("[]"), "socket")
    return rest.strip("[]") if kind == "anon_inode" else kind


def _peers() -> dict[str, str]:
    """Return what the sockets of this network namespace are connected to, by inode."""
    found: dict[str, str] = {}
    for kind in ("tcp", "tcp6", "udp", "udp6"):
        for line in _table(kind):
            if len(line) > 9:
                found[line[9]] = _connection(kind[:3], line[1], line[2], listens=line[3] == "0A")
    for line in _table("unix"):
        if len(line) > 6:
            path = f" {pattern_of(line[7])}" if len(line) > 7 else ""
            found[line[6]] = f"unix socket{path}"
    return found


def _table(kind: str) -> list[list[str]]:
    try:
        text = read_whole(f"/proc/self/net/{kind}", most=_MOST_SOCKET_TABLE)
    except OSError:
        return []
    return [line.split() for line in text.decode("ascii", "replace").splitlines()[1:]]


def _connection(kind: str, local: str, remote: str, *, listens: bool) -> str:
    if listens:
        return f"{kind} socket listening on {_address(local)}"
    if remote.endswith(":0000"):
        return f"{kind} socket"
    return f"{kind} socket to {_address(remote)}"


def _address(text: str) -> str:
    host, _, port = text.partition(":")
    words = bytes.fromhex(host)
    if sys.byteorder == "little":
        words = b"".join(words[at : at + 4][::-1] for at in range(0, len(words), 4))
    if words[:12] == _IPV4_IN_IPV6:
        words = words[12:]
    if len(words) == 4:
        return f"{'.'.join(map(str, words))}:{int(port, 16)}"
    groups = ":".join(f"{words[at] << 8 | words[at + 1]:x}" for at in range(0, len(words), 2))
    return f"[{groups}]:{int(port, 16)}"


def threads() -> dict[str, int]:
    """Return how many threads run by name and target; those that Python does not know under ""."""
    found: dict[str, int] = {}
    module = sys.modules.get("threading")
    known = list(getattr(module, "_active", {}).values())
    for thread in known:
        label = _thread_label(thread)
        found[label] = found.get(label, 0) + 1
    others = _thread_count() - len(known)
    if others > 0:
        found[""] = others
    return _largest(found, lambda count: count)


def _thread_label(thread: Any) -> str:
    state = object.__getattribute__(thread, "__dict__")
    name = pattern_of(str(state.get("_name", "thread")))
    target = state.get("_target")
    if type(target) in (FunctionType, MethodType):
        function = getattr(target, "__func__", target).__qualname__
        if f"({function.rpartition('.')[2]})" not in name:
            return f"{name} ({function})"
    return name


def _thread_count() -> int:
    text = read_whole("/proc/self/status")
    at = text.index(b"\nThreads:") + len(b"\nThreads:")
    return int(text[at : text.index(b"\n", at)])


def collector() -> list[int]:
    """Return [1 if the collector is on, its first threshold, how many objects are frozen]."""
    return [int(gc.isenabled()), gc.get_threshold()[0], gc.get_freeze_count()]


def mapped_bytes() -> int:
    """Return the size of the address space."""
    handle = os.open("/proc/self/statm", os.O_RDONLY)
    try:
        return int(pread(handle, _Numbers()).split()[0]) * _PAGE
    finally:
        os.close(handle)


_Numbers = ctypes.c_char * 128
_PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096


def _largest(found: dict[str, Any], weight: Any) -> dict[str, Any]:
    kept = sorted(found, key=lambda name: weight(found[name]), reverse=True)[:_MOST_GROUPS]
    return {name: found[name] for name in kept}
