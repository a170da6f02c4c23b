"""Where a program's output leaves the cursor: whether something may be drawn below it."""

from __future__ import annotations

import pytest

from leakhunt.guard.cursor import OutputCursor


def free(*pieces: bytes) -> bool:
    cursor = OutputCursor()
    for piece in pieces:
        cursor.feed(piece)
    return cursor.free


@pytest.mark.parametrize(
    "output",
    [
        b"",
        b"line\n",
        b"line\r\n",
        b"\x1b[31mred\n\x1b[0m",
        b"\x1b]0;a title\x07",
        b"\r 50%\r100%\n",
        b"bar\r\x1b[K",
        b"bar\x1b[2K\r",
        b"\x1b[H\x1b[2J\x1b[3J",
        b"text\x1b[2J\x1b[Hline\n",
        b"\x1b[Hframe\n\x1b[J",
        b"0\n1\n\x1b[2A\r2\n3\n",
        b"\n bar 1\x1b[A\r bar 0\n\n",
        b"\x1b[?25lspin\x1b[?25h\n",
        b"\x1b[?1049hscreen\x1b[?1049l\nline\n",
        b"\x1b7\x1b8\x1bcline\n",
        b"done\a\n\a",
    ],
)
def test_an_empty_line_with_nothing_below_is_free(output: bytes) -> None:
    assert free(output)
    assert free(*(output[at : at + 1] for at in range(len(output))))


@pytest.mark.parametrize(
    "output",
    [
        b"prompt? ",
        b"\r 50%",
        b" 50%\r",
        b"line\n\t",
        b"line\n\x1b[31",
        b"line\n\x1b",
        b"line\n\x1b]0;half a title",
        b"0\n1\n2\n\x1b[2A",
        b"0\n1\n2\n\x1b[3A\r0\n1\n",
        b"\x1b[H",
        b"\x1b[Hframe\n",
        b"\x1b[10;20H",
        b"\x1b[2J\x1b[5;5H",
        b"\x1b[?1049hscreen\n",
        b"\x1b[?1049hscreen\n\x1b[?1049l",
        b"\x1b[s\n\n",
        b"\x1b7\nline\n",
        b"\x1b[2;10rline\n",
        b"line\n\x1b[5C",
        b"line\n\x1bPq a picture \x1b\\",
        b"0\n\x1bM",
    ],
)
def test_anywhere_else_is_not(output: bytes) -> None:
    assert not free(output)
    assert not free(*(output[at : at + 1] for at in range(len(output))))
