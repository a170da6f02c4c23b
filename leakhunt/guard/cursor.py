"""Knows from a program's output alone whether the cursor stands on an empty line with nothing below it.

Only there may something be drawn below the output without spoiling it. What it does not understand
counts as "no". Reads bytes; writes nothing.
"""

from __future__ import annotations

import re

_ESCAPE = re.compile(
    rb"\x1b(?:\[([0-?]*)[ -/]*([@-~])"  # control sequence: parameters, final byte
    rb"|\][^\x07\x1b]*(?:\x07|\x1b\\)"  # operating system command: a window title
    rb"|([PX^_])[^\x1b]*\x1b\\"  # device control string: it may be a picture
    rb"|[ -/]+[0-~]"  # character sets
    rb"|([0-OQ-WYZ`-~]))"  # one letter
)
_UNFINISHED = re.compile(
    rb"\x1b(?:\[[0-?]*[ -/]*|\][^\x07\x1b]*\x1b?|[PX^_][^\x1b]*\x1b?|[ -/]*)?\Z",
)
_LONGEST_SEQUENCE = 4096
_NOT_SEEN = bytes.maketrans(b"", b""), b"\x00\x07"
_ALTERNATE_SCREENS = {b"47", b"1047", b"1049"}


class OutputCursor:
    """Where a program's output has left the cursor."""

    def __init__(self) -> None:
        self._unfinished = b""
        self._reset()

    def _reset(self) -> None:
        self._empty = self._first_column = True
        #: How many lines that hold something may lie below; None when nobody knows.
        self._below: int | None = 0
        self._blank_screen = False
        self._alternate = False
        #: The program keeps a cursor position or a scrolling region of its own, which drawing would spoil.
        self._occupied = False

    @property
    def free(self) -> bool:
        """Whether the cursor stands at the start of an empty line and nothing lies below."""
        return (
            self._empty
            and self._first_column
            and self._below == 0
            and not (self._unfinished or self._alternate or self._occupied)
        )

    def feed(self, data: bytes) -> None:
        """Take the next piece of output."""
        data = self._unfinished + data
        self._unfinished = b""
        if b"\x1b" not in data:
            self._text(data)
            return
        if (cut := _UNFINISHED.search(data)) is not None and len(data) - cut.start() <= _LONGEST_SEQUENCE:
            self._unfinished = data[cut.start() :]
            data = data[: cut.start()]
        at = 0
        for found in _ESCAPE.finditer(data):
            self._text(data[at : found.start()])
            at = found.end()
            parameters, final, string, letter = found.groups()
            if final is not None:
                self._control(parameters, final)
            elif string is not None:
                self._empty = self._first_column = False
            elif letter is not None:
                self._letter(letter)
        self._text(data[at:])

    def _text(self, text: bytes) -> None:
        text = text.translate(*_NOT_SEEN)
        if not text:
            return
        self._blank_screen = False
        _, newline, last = text.rpartition(b"\n")
        if newline:
            if self._below:
                self._below = max(0, self._below - text.count(b"\n"))
            self._empty = self._first_column = True
        if last.strip(b"\r"):
            self._empty = False
            self._first_column = last.endswith(b"\r")
        elif last:
            self._first_column = True

    def _control(self, parameters: bytes, final: bytes) -> None:
        number = int(parameters) if parameters.isdigit() else 0
        if final in b"AF":
            self._empty, self._first_column = False, final == b"F"
            if self._below is not None:
                self._below += max(1, number)
        elif final in b"BE":
            self._empty, self._first_column = False, final == b"E"
            if self._below:
                self._below = max(0, self._below - max(1, number))
        elif final in b"CDG`aIZ":
            self._first_column = final in b"G`" and number < 2
        elif final == b"K":
            self._empty = self._empty or number == 2 or (number == 0 and self._first_column)
        elif final == b"J":
            self._erase(number)
        elif final in b"Hf":
            self._below = 0 if self._blank_screen else None
            self._empty = self._blank_screen
            self._first_column = parameters.partition(b";")[2] in (b"", b"1")
        elif final in b"deLMST":
            self._below = None
        elif final in b"rsu" and not parameters.startswith((b"?", b">", b"<", b"=")):
            self._occupied = True
        elif final in b"hl" and _ALTERNATE_SCREENS & set(parameters.strip(b"?").split(b";")):
            self._alternate, self._empty = final == b"h", False

    def _erase(self, how: int) -> None:
        if how == 0:
            self._below = 0
            self._empty = self._empty or self._first_column
        elif how == 2:
            self._below = 0
            self._empty = self._blank_screen = True

    def _letter(self, letter: bytes) -> None:
        if letter == b"c":
            self._reset()
        elif letter in b"78":
            self._occupied = True
        elif letter == b"M":
            self._empty = False
            if self._below is not None:
                self._below += 1
        elif letter in b"DE":
            self._text(b"\n")
