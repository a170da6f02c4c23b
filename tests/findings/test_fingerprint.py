"""Ids of findings, the catalogue of kinds, and losses that say what to do."""

from __future__ import annotations

from typing import get_args

from leakhunt.findings.catalogue import KINDS
from leakhunt.findings.diagnosis import Kind
from leakhunt.findings.fingerprint import fingerprint
from leakhunt.findings.losses import WHAT_TO_DO, explained


def test_numbers_lines_and_addresses_do_not_change_the_id() -> None:
    first = fingerprint(
        "growing-container", "generator g() suspended at line 31, local rows[12] 0x7f01", "list"
    )
    second = fingerprint(
        "growing-container", "generator g() suspended at line 90, local rows[*] 0x7f99", "list"
    )

    assert first == second


def test_another_name_another_type_or_another_kind_is_another_id() -> None:
    ids = {
        fingerprint("growing-container", "app.CACHE", "dict"),
        fingerprint("growing-container", "app.OTHER", "dict"),
        fingerprint("growing-container", "app.CACHE", "list"),
        fingerprint("saturating-cache", "app.CACHE", "dict"),
    }

    assert len(ids) == 4


def test_a_digit_in_a_name_is_part_of_it() -> None:
    assert fingerprint("growing-container", "app.level1", "list") != fingerprint(
        "growing-container", "app.level2", "list"
    )


def test_every_kind_is_in_the_catalogue() -> None:
    assert set(KINDS) == set(get_args(Kind))


def test_a_loss_ends_with_what_to_do() -> None:
    assert explained("journal-full", "12 records were dropped").what.endswith(WHAT_TO_DO["journal-full"])


def test_a_loss_that_says_it_already_is_left_alone() -> None:
    assert explained("journal-gap", "3 records are missing: do not edit journals").what.count(":") == 1
