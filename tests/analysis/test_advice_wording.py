"""What advice may say: only len() read is not "nothing reads it", and no peak below the start."""

from __future__ import annotations

from pathlib import Path

from described import MB, described, growth, loop_text, written_before_the_run

from leakhunt.analysis.diagnose import diagnose
from leakhunt.findings.diagnosis import Diagnosis

FILLING = "def main(n):\n    kept = []\n    for lam in n:\n        kept.append(work(lam))\n"


def told(tmp_path: Path, text: str, each: int = MB, **fields: object) -> Diagnosis:
    file = tmp_path / "sweep.py"
    file.write_text(text)
    written_before_the_run(file)
    journal = loop_text(40, lambda t: 100 * MB + t * MB, file=str(file))
    found = growth("sweep.main() local kept", each=each, file=str(file), **fields)  # type: ignore[arg-type]
    return diagnose(described(journal, growths=[found]))


def test_a_list_of_which_only_the_length_is_read_is_to_be_counted(tmp_path: Path) -> None:
    advice = told(tmp_path, FILLING + "    print(len(kept))\n").recommendations[0]

    assert advice.title == "count instead of filling kept: only its length is read"


def test_a_list_that_is_returned_is_read(tmp_path: Path) -> None:
    assert "remove-unused" not in [
        one.slug for one in told(tmp_path, FILLING + "    return kept\n").recommendations
    ]


def test_no_peak_below_the_memory_at_the_start_is_promised(tmp_path: Path) -> None:
    advice = told(tmp_path, FILLING, each=2 * MB).recommendations[0]

    assert advice.expected_peak is None


def test_what_another_holder_keeps_too_is_shown_in_full_and_promises_no_peak(tmp_path: Path) -> None:
    diagnosis = told(tmp_path, FILLING, shared_bytes=20 * MB, exclusive_bytes=0, others=["sweep.BY_NUMBER"])

    finding = diagnosis.findings[0]
    assert finding.bytes_per_iteration == MB
    assert any("sweep.BY_NUMBER also holds these objects" in said for said in finding.evidence)
    assert all(one.expected_peak is None for one in diagnosis.recommendations)


def test_native_memory_beside_figures_that_pile_up_is_advised_on_as_figures(tmp_path: Path) -> None:
    text = "def main(n):\n    for lam in n:\n        fig = plt.figure()\n        fig.savefig(lam)\n"
    file = tmp_path / "sweep.py"
    file.write_text(text)
    written_before_the_run(file)
    native = loop_text(
        40, lambda t: 100 * MB + t * 2 * MB, in_use=lambda t: 50 * MB + t * 2 * MB, file=str(file)
    )
    figures = growth(
        "matplotlib._pylab_helpers.Gcf.figs", each=MB / 2, file=str(file), tags=frozenset({"figure"})
    )

    diagnosis = diagnose(described(native, growths=[figures]))
    plain = diagnose(
        described(native, growths=[growth("sweep.main() local kept", each=MB / 2, file=str(file))])
    )

    assert {finding.kind for finding in diagnosis.findings} >= {"native-growth"}
    assert [one.slug for one in diagnosis.recommendations] == ["close-figures"]
    assert len(diagnosis.recommendations[0].findings) == 2
    assert "close-figures" not in [one.slug for one in plain.recommendations]


def test_comments_of_the_program_are_left_out_of_the_code_to_write(tmp_path: Path) -> None:
    text = (
        "def main(n):\n    failures = []\n    for lam in n:\n        try:\n            work(lam)\n"
        "        except ValueError as bad:\n            failures.append(bad)  # '#' see below\n    show(failures)\n"
    )

    advice = told(tmp_path, text.replace("failures", "kept")).recommendations[0]

    assert "kept.append(bad)  # before\nkept.append(str(bad))  # after" in advice.do
