"""A line of a log as text: decoded, without colours, with what the system log put before it taken apart."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace

#: So many bytes of a line are looked at.
LOOKED_AT = 16_384
_ESCAPES = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]{0,512}(?:\x07|\x1b\\)?|[PX^_][^\x1b]{0,512}(?:\x1b\\)?|[ -/]*[0-~])"
    r"|\x9b[0-?]*[ -/]*[@-~]"
)
_ESCAPE_BYTES = re.compile(rb"\x1b\[[0-?]*[ -/]*[@-~]")
_TAGGED = re.compile(
    r"^ ?(?P<host>\w[\w.:-]{0,254}) (?P<program>[A-Za-z_(][\w./@()+-]{0,63}?)(?:\[(?P<pid>\d{1,10})\])?: (?P<text>.*)$",
    re.DOTALL,
)
_BOOT = re.compile(r"^\[ *(?P<boot>\d{1,9}\.\d{3,9})\] ?")
_CALLER = re.compile(r"^\[ *[TC]\d{1,8}\] ")
_MESSAGE_KEYS = ("message", "msg", "MESSAGE", "event", "text", "log", "body")
_LEADING = " \t]):|,-"
_AROUND = " \t[]()<>|:"
#: More than a level's letter or a bracket.
_WORD = re.compile(rb"[A-Za-z]{3}")
_DAY = re.compile(rb"\b(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]{0,6},? ?$")


@dataclass(frozen=True, slots=True)
class LineText:
    """What a line says. `host`, `program` and `pid` are those of a system log's tag, `boot` the kernel's time."""

    text: str
    program: str | None = None
    pid: int | None = None
    boot: float | None = None
    host: str | None = None


def decode(line: bytes) -> str:
    """Return a line as text: UTF-8, else Windows' Western code; what is neither stays visible as an escape."""
    line = line[:LOOKED_AT]
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError as problem:
        if problem.reason == "unexpected end of data" and problem.start >= len(line) - 3:
            return line[: problem.start].decode("utf-8")  # cut in the middle of a character
        try:
            return line.decode("cp1252")
        except UnicodeDecodeError:
            return line.decode("utf-8", "backslashreplace")


def without_colours(line: bytes) -> bytes:
    """Return a line without the sequences that colour it, so that its timestamp is found."""
    return _ESCAPE_BYTES.sub(b"", line)


def text_of(
    line: bytes, after: int, *, kernel: bool, host: str | None = None, before: bytes = b""
) -> LineText:
    """Return what a line says behind its timestamp, which ends at `after`, and before it, if that is a word.

    `kernel`: the whole log is the kernel's (dmesg), its lines have no tag. `host`: what other lines of the log
    have shown to be a host's name; without it "disk usage: 9 GB" could be a tag as well as a sentence.
    """
    if line.startswith(b"{"):
        said = _of_json(line)
        if said is not None:
            return said
    text = _ESCAPES.sub("", decode(line[after:])).rstrip()
    if kernel:
        return _kernel(text.lstrip(" ]"))
    found = _TAGGED.match(text) if after else None
    if found is not None and (found["pid"] or found["program"] == "kernel" or found["host"] == host):
        if found["program"] == "kernel":
            return replace(_kernel(found["text"]), host=found["host"])
        pid = int(found["pid"]) if found["pid"] else None
        return LineText(found["text"].strip(), found["program"], pid, host=found["host"])
    text = text.lstrip(_LEADING) if after else text.strip()
    before = _DAY.sub(b"", before)
    if _WORD.search(before):
        text = f"{_ESCAPES.sub('', decode(before)).strip(_AROUND)} {text}"
    return LineText(text)


def _kernel(text: str) -> LineText:
    boot = _BOOT.match(text)
    if boot is not None:
        text = text[boot.end() :]
    text = _CALLER.sub("", text)
    return LineText(text.strip(), "kernel", None, float(boot["boot"]) if boot else None)


def _of_json(line: bytes) -> LineText | None:
    try:
        entry = json.loads(line[:LOOKED_AT])
    except (ValueError, RecursionError):
        return None
    if not isinstance(entry, dict):
        return None
    for key in _MESSAGE_KEYS:
        said = entry.get(key)
        if isinstance(said, str):
            program = entry.get("SYSLOG_IDENTIFIER")
            if entry.get("_TRANSPORT") == "kernel":
                program = "kernel"
            pid = str(entry.get("pid", entry.get("_PID", "")))
            whole = int(pid) if pid.isdecimal() and len(pid) <= 10 else None
            text = _ESCAPES.sub("", said).strip()
            return LineText(text, program if isinstance(program, str) else None, whole)
    return None
