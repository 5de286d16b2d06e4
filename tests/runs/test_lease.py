"""One process a run folder, whatever becomes of its owner."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import time
from dataclasses import asdict, replace

import pytest

from lit_curriculum.runs import lease
from lit_curriculum.runs.folder import RunFolder
from lit_curriculum.runs.lease import NAME, FolderInUse, Lease, Owner


@pytest.fixture(autouse=True)
def hurried(monkeypatch):
    monkeypatch.setattr(lease, "HEARTBEAT_SECONDS", 0.05)


def leave(folder, owner, age=0.0):
    """Leave a lease of somebody else."""
    folder.mkdir(exist_ok=True)
    (folder / NAME).write_text(json.dumps(asdict(owner)))
    then = time.time() - age
    os.utime(folder / NAME, (then, then))


def test_a_folder_is_one_process_s_until_it_is_given_back(tmp_path):
    first = Lease.take(tmp_path / "run")
    with pytest.raises(FolderInUse, match=rf"run_dir: .*in use by process {os.getpid()} on"):
        Lease.take(tmp_path / "run")
    first.release()
    assert list((tmp_path / "run").iterdir()) == []
    Lease.take(tmp_path / "run").release()


def test_a_dead_process_here_is_followed_at_once(tmp_path):
    child = os.fork()
    if child == 0:
        Lease.take(tmp_path)
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)
    assert (tmp_path / NAME).exists()
    Lease.take(tmp_path).release()


def test_only_what_the_dead_left_is_swept_away(tmp_path):
    waiting, dead = tmp_path / f"{NAME}.waiting.tmp", tmp_path / f"{NAME}.dead.tmp"
    for draft in (waiting, dead):
        draft.write_text("{}")
    then = time.time() - 2 * lease.LEASE_SECONDS
    os.utime(dead, (then, then))
    Lease.take(tmp_path).release()
    assert list(tmp_path.iterdir()) == [waiting]
    RunFolder(tmp_path).begin("a: 1\n", {})
    assert waiting.exists()


def test_whoever_waits_and_has_lost_his_draft_does_not_wait_for_ever(tmp_path):
    leave(tmp_path, replace(Owner.here(), host="another/boot/namespace"), age=0)
    with pytest.raises(FileNotFoundError):
        lease._take_over(tmp_path / f"{NAME}.gone.tmp", tmp_path / NAME, Owner.here())
    (tmp_path / NAME).unlink()
    with pytest.raises(FileNotFoundError):
        lease._create(tmp_path / f"{NAME}.gone.tmp", tmp_path / NAME)
    assert list(tmp_path.iterdir()) == []


def test_a_process_number_that_was_given_again_is_not_the_owner(tmp_path):
    leave(tmp_path, replace(Owner.here(), started="1"))
    Lease.take(tmp_path).release()


def test_an_owner_elsewhere_lives_as_long_as_its_heartbeat(tmp_path):
    elsewhere = replace(Owner.here(), host="another/boot/namespace")
    leave(tmp_path, elsewhere, age=50)
    with pytest.raises(FolderInUse, match="on another"):
        Lease.take(tmp_path)
    leave(tmp_path, elsewhere, age=70)
    Lease.take(tmp_path).release()


@pytest.mark.parametrize("content", ["", "{", "[]", '{"host": 1}', "\x00\xff"])
def test_a_lease_that_says_nothing_is_taken_over_once_it_is_old(tmp_path, content):
    (tmp_path / NAME).write_text(content)
    os.utime(tmp_path / NAME, (0, 0))
    Lease.take(tmp_path).release()


def test_the_heartbeat_goes_on(tmp_path):
    mine = Lease.take(tmp_path)
    os.utime(tmp_path / NAME, (0, 0))
    deadline = time.monotonic() + 10
    while (tmp_path / NAME).stat().st_mtime == 0 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert (tmp_path / NAME).stat().st_mtime > 0
    assert mine.lost is None
    mine.release()


@pytest.mark.parametrize("removed", [True, False])
def test_a_lost_folder_is_noticed(tmp_path, removed):
    mine = Lease.take(tmp_path)
    if removed:
        (tmp_path / NAME).unlink()
    else:
        leave(tmp_path, replace(Owner.here(), pid=1))
    deadline = time.monotonic() + 10
    while mine.lost is None and time.monotonic() < deadline:
        time.sleep(0.01)
    assert mine.lost is not None
    assert ("was removed" if removed else "taken over by process 1") in mine.lost
    mine.release()
    assert (tmp_path / NAME).exists() != removed  # another's lease is left alone


@pytest.mark.parametrize("stale", [False, True])
def test_of_many_that_want_a_folder_one_gets_it(tmp_path, stale):
    context = multiprocessing.get_context("fork")
    for attempt in range(2):
        folder = tmp_path / str(attempt)
        if stale:
            leave(folder, replace(Owner.here(), started="1"))
        start, won = context.Barrier(6), context.Queue()
        children = [context.Process(target=_one, args=(folder, start, won)) for _ in range(6)]
        for child in children:
            child.start()
        for child in children:
            child.join(30)
        assert all(child.exitcode == 0 for child in children)
        results = [won.get(timeout=10) for _ in range(6)]
        assert results.count(True) == 1


def _one(folder, start, won):
    start.wait()
    try:
        held = Lease.take(folder)
    except FolderInUse:
        won.put(False)
        start.wait()
        return
    won.put(True)
    start.wait()  # nobody gives it back before all have tried
    held.release()
