"""The graph of runs: needs first, finished ones reused, failures named."""

from __future__ import annotations

import json
import multiprocessing
import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import yaml

from lit_curriculum.errors import RunFailed, RunStopped
from lit_curriculum.files import write_text
from lit_curriculum.runs import graph, identity, lab
from lit_curriculum.runs.configs import shipped
from lit_curriculum.runs.folder import RunFolder
from lit_curriculum.runs.graph import Finished, Run
from lit_curriculum.runs.lab import Lab
from lit_curriculum.runs.launchers import local
from lit_curriculum.runs.launchers.local import Local
from lit_curriculum.runs.lease import FolderInUse
from tests.runs.fake_fit import fit

CONFIG = "sparse_parity_mlp"


@pytest.fixture
def threads(monkeypatch):
    """Run the pool in threads of this process, which start at once."""
    monkeypatch.setattr(local, "ProcessPoolExecutor", lambda jobs, *_: ThreadPoolExecutor(jobs))


def run(name: str, *needs: Run, cost: float = 1.0, **settings) -> Run:
    return Run("run", (CONFIG,), {"name": name, **settings}, needs, cost)


def order(root: Path) -> list[str]:
    return (root / "order.txt").read_text().split()


# --- keys ----------------------------------------------------------------------------------------------


def test_equal_runs_have_equal_keys():
    assert run("a", width=3).key == run("a", width=3).key
    assert Run("run", (CONFIG,), {"b": 1, "a": 2}).key == Run("run", (CONFIG,), {"a": 2, "b": 1}).key


@pytest.mark.parametrize(
    "other",
    [
        run("a", width=4),
        run("a", run("teacher"), width=3),
        Run("run", (CONFIG, "smoke/sparse_parity_mlp"), {"name": "a", "width": 3}),
        Run("run", (), {"name": "a", "width": 3}),
    ],
)
def test_what_changes_the_result_changes_the_key(other):
    assert other.key != run("a", width=3).key


def test_a_change_of_the_teacher_changes_the_student():
    assert run("s", run("t", lr=1)).key != run("s", run("t", lr=2)).key
    assert run("s", run("t", run("tt", lr=1))).key != run("s", run("t", run("tt", lr=2))).key


def test_expected_cost_and_name_do_not_change_the_key():
    assert run("a", cost=5).key == run("a").key
    assert Run("teacher", (), {}).key == Run("student", (), {}).key


def test_a_raised_component_version_retires_runs(monkeypatch):
    before = run("a").key
    monkeypatch.setitem(identity.RESULTS_VERSION, "elsewhere.OfAnotherExperiment", 99)
    assert run("a").key == before
    used = "lit_curriculum.experiments.sparse_parity.SparseParityMLP"
    monkeypatch.setitem(identity.RESULTS_VERSION, used, 99)
    assert run("a").key != before


def test_an_edited_shipped_configuration_retires_runs(monkeypatch, tmp_path):
    before = run("a").key
    content = yaml.safe_load(shipped(CONFIG).read_text())
    commented, edited = tmp_path / "commented.yaml", tmp_path / "edited.yaml"
    commented.write_text("# a comment\n" + yaml.safe_dump(content))
    edited.write_text(yaml.safe_dump({**content, "extra": 1}))
    monkeypatch.setattr(graph, "shipped", lambda name: commented)
    assert run("a").key == before
    monkeypatch.setattr(graph, "shipped", lambda name: edited)
    assert run("a").key != before


def test_folder_is_named_by_kind_and_key(tmp_path):
    assert run("a").folder(tmp_path) == tmp_path / f"run-{run('a').key}"


# --- execution -----------------------------------------------------------------------------------------


def test_worker_processes_train_a_student_after_its_teacher(tmp_path):
    teacher = run("teacher")
    student = run("student", teacher, teacher="{bank}")
    finished = Lab(tmp_path, Local(fit, 1)).fit([student])
    assert order(tmp_path) == ["teacher", "student"]
    assert [one.run for one in finished] == [student]
    assert finished[0].history("val/accuracy") == [(1, 0.5), (2, 0.75)]
    assert int(finished[0].provenance["threads"]) >= 1


def test_needs_come_first_however_deep_and_each_once(tmp_path, threads):
    first = run("first")
    second, third = run("second", first), run("third", first)
    fourth = run("fourth", second, third)
    Lab(tmp_path, Local(fit, 2)).fit([fourth, second, fourth])
    done = order(tmp_path)
    assert sorted(done) == ["first", "fourth", "second", "third"]
    assert done[0] == "first"
    assert done[-1] == "fourth"


def test_results_come_in_the_order_asked_for(tmp_path, threads):
    runs = [run("b"), run("a"), run("b"), run("c", run("a"))]
    finished = Lab(tmp_path, Local(fit, 2)).fit(runs)
    assert [one.run for one in finished] == runs
    assert [one.path for one in finished] == [each.folder(tmp_path) for each in runs]


def test_finished_runs_are_reused_by_this_lab_and_the_next(tmp_path, threads):
    lab = Lab(tmp_path, Local(fit, 2))
    lab.fit([run("a")])
    lab.fit([run("a"), run("b")])
    Lab(tmp_path, Local(fit, 2)).fit([run("b"), run("a")])
    assert sorted(order(tmp_path)) == ["a", "b"]


def test_reused_runs_of_other_libraries_are_counted(tmp_path, threads):
    Lab(tmp_path, Local(fit, 1)).fit([run("a"), run("b"), run("c")])
    for name in ("a", "b"):
        folder = RunFolder(run(name).folder(tmp_path))
        folder.record({**folder.provenance(), "versions": {"torch": "1.0"}})
    lab = Lab(tmp_path, Local(fit, 1))
    lab.fit([run("a"), run("b"), run("c"), run("d")])
    lab.fit([run("a"), run("d")])
    (note,) = lab.notes
    assert note.startswith("2 of the 3 reused runs were made with torch 1.0 (now ")


def test_an_account_holds_the_devices_and_times_of_what_was_asked_for_and_what_that_needs(tmp_path, threads):
    lab, teacher = Lab(tmp_path, Local(fit, 1)), run("a")
    student, other = run("b", teacher), run("c")
    for made, device, seconds in (
        (teacher, "H100", 2.0),
        (student, "processor", 3.0),
        (other, "processor", 5.0),
    ):
        folder = RunFolder(lab.fit([made])[0].path)
        folder.record({**folder.provenance(), "device": device, "wall_seconds": seconds})
    lab.begin_account()
    lab.fit([student])
    lab.fit([student, teacher])
    assert lab.devices == {"H100", "processor"}
    assert lab.seconds == {teacher.name: 2.0, student.name: 3.0}
    lab.begin_account()
    lab.fit([other])
    assert (lab.devices, lab.seconds) == ({"processor"}, {other.name: 5.0})


def test_a_run_that_says_no_time_costs_nothing(tmp_path, threads):
    lab = Lab(tmp_path, Local(fit, 1))
    lab.fit([run("a")])
    assert lab.seconds == {run("a").name: 0.0}


def test_an_unfinished_run_is_taken_up_again(tmp_path, threads):
    folder = run("a").folder(tmp_path)
    folder.mkdir()
    (folder / "provenance.json").write_text('{"finished": false}')
    (folder / "kept").write_text("checkpoint")
    Lab(tmp_path, Local(fit, 1)).fit([run("a")])
    assert order(tmp_path) == ["a"]
    assert (folder / "kept").exists()


def test_a_fresh_lab_trains_everything_again_and_once(tmp_path, threads):
    teacher, student = run("t"), run("s", run("t"))
    Lab(tmp_path, Local(fit, 1)).fit([student])
    (student.folder(tmp_path) / "old").write_text("x")
    lab = Lab(tmp_path, Local(fit, 1), fresh=True)
    lab.fit([teacher])
    lab.fit([student])
    lab.fit([student, teacher])
    assert order(tmp_path) == ["t", "s", "t", "s"]
    assert not (student.folder(tmp_path) / "old").exists()


def test_no_runs_are_no_work(tmp_path, threads):
    assert Lab(tmp_path / "absent", Local(fit)).fit([]) == []
    assert not (tmp_path / "absent").exists()


def test_a_run_gets_its_shipped_configurations_and_its_settings_last(tmp_path, threads):
    student = Run(
        "student",
        (CONFIG, "smoke/sparse_parity_mlp"),
        {"name": "s", "nested": [{"bank": "{bank}"}, 3, None, True, "x/{bank}/y"]},
        (run("t"), run("other")),
    )
    (finished,) = Lab(tmp_path, Local(fit, 1)).fit([student])
    *layers, overlay = finished.provenance["configs"]
    assert layers == [str(shipped(CONFIG)), str(shipped("smoke/sparse_parity_mlp"))]
    bank = str(run("t").folder(tmp_path) / "bank")
    nested = yaml.safe_load(Path(overlay).read_text())["nested"]
    assert nested == [{"bank": bank}, 3, None, True, f"x/{bank}/y"]
    assert student.settings["nested"][0] == {"bank": "{bank}"}


def test_without_needs_settings_are_taken_literally(tmp_path, threads):
    (finished,) = Lab(tmp_path, Local(fit, 1)).fit([run("a", text="{bank}")])
    assert yaml.safe_load(Path(finished.provenance["configs"][-1]).read_text())["text"] == "{bank}"


def test_at_most_the_given_number_of_runs_are_under_way(tmp_path, threads):
    lock, now, most = threading.Lock(), 0, 0
    together = threading.Barrier(2, timeout=30)

    def counting(configs, folder):
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        together.wait()  # two must be under way at once, or this breaks
        with lock:
            now -= 1
        fit(configs, folder)

    Lab(tmp_path, Local(counting, 2)).fit([run(str(i)) for i in range(6)])
    assert most == 2


@pytest.mark.parametrize(
    ("how", "reason"),
    [("wrong", "width: got 0; allowed: an integer of at least 1"), ("broken", "RuntimeError: out of luck")],
)
def test_a_run_that_fails_is_told_by_its_name(tmp_path, threads, how, reason):
    bad = run("bad", **{how: True})
    with pytest.raises(RunFailed) as caught:
        Lab(tmp_path, Local(fit, 1)).fit([bad])
    assert str(caught.value) == f"run run-{bad.key}: {reason}"


def test_after_a_failure_all_that_does_not_need_it_is_trained(tmp_path, threads):
    teacher = run("teacher", wrong=True)
    other = run("other", broken=True)
    lab = Lab(tmp_path, Local(fit, 1))
    with pytest.raises(RunFailed, match=r"2 runs failed"):
        lab.fit([run("student", teacher), other, run("fine"), run("late", run("early"))])
    assert sorted(order(tmp_path)) == ["early", "fine", "late", "other", "teacher"]
    lab.fit([run("fine")])
    assert order(tmp_path).count("fine") == 1


def test_a_folder_in_use_is_waited_for(tmp_path, threads):
    """Another command trains the same run; when it has finished, its result is taken."""
    tries = []

    def refused(configs, folder):
        tries.append(folder)
        if len(tries) == 1:
            threading.Timer(0.3, fit, (configs, folder)).start()
            raise FolderInUse("run_dir: in use")
        fit(configs, folder)

    (finished,) = Lab(tmp_path, Local(refused, 1)).fit([run("a")])
    assert finished.provenance["finished"]
    assert order(tmp_path) == ["a"]


def test_a_folder_whose_owner_gives_up_is_taken(tmp_path, threads):
    tries = []

    def refused(configs, folder):
        tries.append(folder)
        if len(tries) < 3:
            raise FolderInUse("run_dir: in use")
        fit(configs, folder)

    Lab(tmp_path, Local(refused, 1)).fit([run("a"), run("b")])
    assert sorted(order(tmp_path)) == ["a", "b"]


def test_a_run_stopped_by_a_signal_stops_the_command(tmp_path, threads):
    def stopping(configs, folder):
        raise RunStopped("SIGTERM at step 3 of 9; run the same command again to go on")

    with pytest.raises(RunStopped, match="run the same command again to go on"):
        Lab(tmp_path, Local(stopping, 1)).fit([run("a")])


def test_a_worker_that_is_killed_while_it_has_nothing_to_do_fails_no_run(tmp_path):
    launcher = Local(fit, 1)

    def kill_the_worker() -> None:
        assert launcher.map(abs, [-1, 2]) == [1, 2]
        for worker in multiprocessing.active_children():
            worker.kill()
            worker.join()

    try:
        kill_the_worker()
        assert launcher.execute([run("only")], tmp_path, lambda running, left: None) == {}
        assert order(tmp_path) == ["only"]
        kill_the_worker()
        with pytest.raises(RunFailed, match="process was killed"):
            launcher.map(abs, [-1, 2])
        assert launcher.map(abs, [-1, 2]) == [1, 2]
    finally:
        launcher.close()


def test_who_runs_beside_a_killed_worker_is_told_and_those_who_wait_go_on(tmp_path):
    beside = run("beside", lingers=30)
    with pytest.raises(RunFailed, match="its process was killed, or one beside it"):
        Lab(tmp_path, Local(fit, 2)).fit([beside, run("k", killed=True), run("fine"), run("good")])
    for name in ("fine", "good"):
        assert RunFolder(run(name).folder(tmp_path)).finished


def test_a_killed_worker_fails_its_run_and_the_others_go_on(tmp_path):
    with pytest.raises(RunFailed, match=rf"run run-{run('k', killed=True).key}: its process was killed"):
        Lab(tmp_path, Local(fit, 1)).fit([run("k", killed=True), run("fine")])
    assert order(tmp_path) == ["k", "fine"]


def test_there_is_always_at_least_one_job(tmp_path):
    assert Local(fit).jobs >= 1
    assert Local(fit, 3).jobs == 3


# --- progress ------------------------------------------------------------------------------------------


class Recorder:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.calls: list[tuple[float, float, int, int]] = []

    def update(self, done: float, total: float, finished: int, of: int) -> None:
        self.calls.append((done, total, finished, of))


def test_progress_ends_complete_and_never_falls(tmp_path, threads):
    recorder = Recorder()
    runs = [run("a", cost=3), run("b", run("a", cost=3), cost=5)]
    Lab(tmp_path, Local(fit, 1), progress=recorder).fit(runs)
    assert recorder.calls[-1] == (8, 8, 2, 2)
    assert [call[0] for call in recorder.calls] == sorted(call[0] for call in recorder.calls)


def test_reused_runs_are_no_part_of_the_effort(tmp_path, threads):
    Lab(tmp_path, Local(fit, 1)).fit([run("a", cost=3)])
    recorder = Recorder()
    Lab(tmp_path, Local(fit, 1), progress=recorder).fit([run("a", cost=3), run("b", cost=5)])
    assert recorder.calls[-1] == (5, 5, 1, 1)


@pytest.mark.parametrize(
    ("metrics", "fraction"),
    [
        (None, 0.0),
        ("step,samples\n", 0.0),
        ("step,samples\n50,50\n", 0.25),
        ("step,samples\n50,50\n100,100\n", 0.5),
        ("step,samples\n300,300\n", 1.0),
    ],
)
def test_progress_within_a_run_is_read_from_its_last_row(tmp_path, metrics, fraction):
    write_text(tmp_path / "config.yaml", yaml.safe_dump({"data": {"init_args": {"num_steps": 200}}}))
    if metrics is not None:
        write_text(tmp_path / "metrics.csv", metrics)
    assert lab._fraction(tmp_path) == fraction


def test_a_run_that_has_not_begun_has_no_progress(tmp_path):
    assert lab._fraction(tmp_path / "absent") == 0.0


# --- reading a finished run ----------------------------------------------------------------------------


def test_a_finished_run_gives_its_tables_bank_and_provenance(tmp_path):
    write_text(tmp_path / "swaps.csv", "step,teacher_step\n0,10\n")
    write_text(tmp_path / "provenance.json", json.dumps({"finished": True}))
    finished = Finished(run("a"), tmp_path)
    assert finished.rows("swaps.csv") == [{"step": "0", "teacher_step": "10"}]
    assert finished.bank == tmp_path / "bank"
    assert finished.provenance == {"finished": True}


# --- interruption --------------------------------------------------------------------------------------

_ENDLESS = """
from pathlib import Path
from lit_curriculum.runs.graph import Run
from lit_curriculum.runs.lab import Lab
from lit_curriculum.runs.launchers.local import Local
from tests.runs.fake_fit import linger
if __name__ == "__main__":
    Lab(Path({root!r}), Local(linger, 1)).fit([Run("run", ({config!r},), {{}})])
"""


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def test_workers_end_with_a_killed_command(tmp_path):
    script = tmp_path / "endless.py"
    script.write_text(_ENDLESS.format(root=str(tmp_path / "runs"), config=CONFIG))
    home = str(Path(__file__).parents[2])
    command = subprocess.Popen([sys.executable, str(script)], env={**os.environ, "PYTHONPATH": home})
    try:
        place = tmp_path / "runs" / "worker.txt"
        while not place.is_file():
            assert command.poll() is None
            time.sleep(0.05)
        worker = int(place.read_text())
        assert _is_alive(worker)
    finally:
        command.kill()
        command.wait()
    # The worker would linger for ten minutes.
    for _ in range(600):
        if not _is_alive(worker):
            break
        time.sleep(0.1)
    assert not _is_alive(worker)
