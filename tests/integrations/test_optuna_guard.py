"""A guarded Optuna study: trials that must not begin fail and say why, and none stays RUNNING."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import textwrap

import pytest

optuna = pytest.importorskip("optuna", reason="needs optuna")

import leakhunt  # noqa: E402
from leakhunt.integrations.optuna import OptunaGuard  # noqa: E402
from leakhunt.protect.brake import Brake, MemoryYield  # noqa: E402
from leakhunt.protect.headroom import Headroom  # noqa: E402

GB = 10**9
RUNNING, COMPLETE, FAIL, PRUNED = (
    optuna.trial.TrialState[name] for name in ("RUNNING", "COMPLETE", "FAIL", "PRUNED")
)

optuna.logging.set_verbosity(optuna.logging.CRITICAL)


class Machine:
    """100 GB, of which the next readings say so many available; the last goes on for ever."""

    def __init__(self, *gigabytes):
        self.left = list(gigabytes)

    def read(self):
        return Headroom(
            int((self.left.pop(0) if len(self.left) > 1 else self.left[0]) * GB), 100 * GB, "host"
        )


def guard_on(*gigabytes, give_up_after=3):
    brake = Brake(
        2 * GB, reader=Machine(*gigabytes), give_back=lambda: None, give_up_after=give_up_after,
        resident=iter([0, *[50 * GB] * 99]).__next__,
    )  # fmt: skip
    return OptunaGuard(brake=brake, pause_seconds=0.0)


def states(study):
    return [trial.state for trial in study.trials]


def test_a_trial_that_would_begin_with_too_little_memory_fails_and_says_why():
    study, guard = optuna.create_study(), guard_on(10, 1.25, 1.25, 10)
    study.optimize(guard.objective(lambda trial: trial.suggest_float("x", 0, 1)), n_trials=3)

    assert states(study) == [COMPLETE, FAIL, COMPLETE]
    killed = study.trials[1]
    assert killed.user_attrs["emergency_killed"] is True
    assert killed.user_attrs["kill_reason"] == (
        "OOM prevention: before trial 1: 1.25 GB available, 2 GB needed (1 in a row)"
    )
    assert killed.user_attrs["available_gb_at_kill"] == 1.25
    assert "emergency_killed" not in study.trials[0].user_attrs


def test_the_third_brake_in_a_row_ends_the_process_and_leaves_no_trial_running():
    study, guard = optuna.create_study(), guard_on(1)
    with pytest.raises(MemoryYield) as leaving:
        study.optimize(guard.objective(lambda trial: 1.0), n_trials=500)

    assert leaving.value.code == 75
    assert states(study) == [FAIL] * 3
    assert all(trial.user_attrs["emergency_killed"] for trial in study.trials)


def test_as_a_callback_alone_it_holds_the_next_trial_back_until_there_is_memory():
    study, guard = optuna.create_study(), guard_on(10, 1, 1, 1, 1, 10)
    study.optimize(lambda trial: 1.0, n_trials=3, callbacks=[guard])

    assert states(study) == [COMPLETE, COMPLETE, FAIL, FAIL, COMPLETE]
    assert [trial.user_attrs.get("emergency_killed") for trial in study.trials] == [
        None,
        None,
        True,
        True,
        None,
    ]


def test_as_a_callback_it_ends_the_process_too_and_takes_nothing_out_of_the_queue():
    study, guard = optuna.create_study(), guard_on(1)
    for value in (0.1, 0.2):
        study.enqueue_trial({"x": value})
    with pytest.raises(MemoryYield):
        study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=5, callbacks=[guard])

    assert states(study) == [COMPLETE, optuna.trial.TrialState.WAITING, FAIL, FAIL, FAIL]


def test_a_brake_in_the_middle_of_a_trial_fails_it_and_the_study_goes_on(monkeypatch):
    monkeypatch.setattr(
        "leakhunt.protect.brake.HeadroomReader.read", lambda self: Headroom(GB, 100 * GB, "host")
    )
    monkeypatch.setattr("leakhunt.protect.brake._BRAKES", {})

    def train(trial):
        leakhunt.optuna.check_memory(trial, "split 3/5", min_available="2GB")

    guarded, plain = optuna.create_study(), optuna.create_study()
    guarded.optimize(guard_on(10).objective(train), n_trials=1)
    plain.optimize(train, n_trials=1)

    assert (states(guarded), states(plain)) == ([FAIL], [PRUNED])
    for study in (guarded, plain):
        assert "trial 0 split 3/5: 1 GB available" in study.trials[0].user_attrs["kill_reason"]


def test_sys_exit_in_a_trial_leaves_no_trial_running():
    study, guard = optuna.create_study(), guard_on(10)
    with pytest.raises(SystemExit) as leaving:
        study.optimize(guard.objective(lambda trial: sys.exit(4)), n_trials=2)

    assert leaving.value.code == 4
    assert states(study) == [FAIL]


def test_with_several_threads_the_study_stops_and_the_guard_says_that_the_process_is_to_end():
    study, guard = optuna.create_study(), guard_on(1)
    with contextlib.suppress(SystemExit):  # Optuna drops what ends the last of the trials
        study.optimize(guard.objective(lambda trial: 1.0), n_trials=100, n_jobs=2)

    assert guard.yielded
    assert set(states(study)) == {FAIL}
    assert len(study.trials) < 10


def test_errors_and_values_of_the_objective_are_its_own():
    study, guard = optuna.create_study(directions=["minimize", "maximize"]), guard_on(10)
    study.optimize(guard.objective(lambda trial: (1.0, 2.0)), n_trials=1)
    with pytest.raises(ZeroDivisionError):
        study.optimize(guard.objective(lambda trial: 1 / 0), n_trials=1)

    assert states(study) == [COMPLETE, FAIL]
    assert study.trials[0].values == [1.0, 2.0]


WORKER = """
    import os, signal, sys
    import leakhunt, optuna
    optuna.logging.set_verbosity(optuna.logging.CRITICAL)
    study = optuna.create_study(
        storage=leakhunt.optuna.journal(sys.argv[1]), study_name="s", load_if_exists=True
    )
    guard = leakhunt.optuna.guard(min_available="1MB")
    def train(trial):
        if sys.argv[2] == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        if sys.argv[2] == "wait":
            print("in a trial", flush=True)
            sys.stdin.read()
        return 1.0
    study.optimize(guard.objective(train), n_trials=1, callbacks=[guard])
    print([trial.state.name for trial in study.trials])
"""


def worker(path, what, **options):
    command = [sys.executable, "-W", "ignore", "-c", textwrap.dedent(WORKER), str(path), what]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True, **options)


def test_what_a_killed_process_left_running_is_failed_at_the_next_start(tmp_path):
    path = tmp_path / "study.log"
    assert worker(path, "die").wait(60) == -signal.SIGKILL
    out, _ = worker(path, "live").communicate(timeout=60)

    assert out == "['FAIL', 'COMPLETE']\n"
    study = optuna.load_study(storage=leakhunt.optuna.journal(path), study_name="s")
    assert study.trials[0].user_attrs["kill_reason"] == "its process died before it was done"


def test_the_running_trial_of_a_living_process_is_left_alone(tmp_path):
    path = tmp_path / "study.log"
    other = worker(path, "wait")
    assert other.stdout.readline() == "in a trial\n"
    out, _ = worker(path, "live").communicate(timeout=60)
    other.communicate("", timeout=60)

    assert out == "['RUNNING', 'COMPLETE']\n"
    study = optuna.load_study(storage=leakhunt.optuna.journal(path), study_name="s")
    assert states(study) == [COMPLETE, COMPLETE]


def filled_journal(path, trials):
    study = optuna.create_study(storage=leakhunt.optuna.journal(path), study_name="s", load_if_exists=True)
    study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=trials)
    return path.read_bytes()


def test_a_journal_that_is_torn_at_any_byte_of_its_last_record_goes_on(tmp_path):
    whole = filled_journal(tmp_path / "study.log", 2)
    last = whole[:-1].rindex(b"\n") + 1
    for length in range(last, len(whole)):
        path = tmp_path / f"torn-{length}.log"
        path.write_bytes(whole[:length])
        study = optuna.load_study(storage=leakhunt.optuna.journal(path), study_name="s")
        study.add_trial(optuna.trial.create_trial(value=1.0))

        # Optuna's own reader finds every record whole
        assert all(json.loads(line) for line in path.read_bytes().splitlines())
        assert len(study.trials) == 3


def test_a_record_that_was_appended_to_a_torn_one_is_kept(tmp_path):
    path = tmp_path / "study.log"
    lines = filled_journal(path, 2).splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:-2]) + lines[-2][:20] + lines[-2] + lines[-1])
    with pytest.raises(json.JSONDecodeError):
        optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(str(path)))
    study = optuna.load_study(storage=leakhunt.optuna.journal(path), study_name="s")

    assert states(study) == [COMPLETE, COMPLETE]
    assert path.read_bytes() == b"".join(lines)
    assert (tmp_path / "study.log.torn").read_bytes() == lines[-2][:20] + b"\n"


def test_a_writer_that_dies_while_others_go_on_costs_them_nothing(tmp_path):
    path = tmp_path / "study.log"
    filled_journal(path, 1)
    study = optuna.load_study(storage=leakhunt.optuna.journal(path), study_name="s")
    with open(path, "ab") as stream:
        stream.write(b'{"op_code":4,"worker_id":"dea')
    study.optimize(lambda trial: 1.0, n_trials=1)

    assert states(study) == [COMPLETE, COMPLETE]
    assert os.path.exists(f"{path}.torn")


def test_without_optuna_it_says_what_to_install():
    program = "import sys; sys.modules['optuna'] = None; import leakhunt; leakhunt.optuna"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)

    assert "leakhunt.optuna needs Optuna: pip install 'leakhunt-memory[optuna]'" in done.stderr
