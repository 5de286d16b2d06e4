"""A sealed file is what was written, or is refused; a killed writer leaves one that fits its seal."""

from __future__ import annotations

import hashlib
import os
import subprocess

import pytest

import lit_curriculum.files
from lit_curriculum.errors import UsageError
from lit_curriculum.sealed import seal_of, verify_sealed, write_sealed


class Stop(BaseException):
    """Stands for a kill: no ordinary handler catches it."""


def write(path, content):
    return write_sealed(path, lambda stream: stream.write(content))


def test_a_seal_is_the_hash_of_the_file_as_other_programs_read_it(tmp_path):
    digest = write(tmp_path / "x.ckpt", b"content")
    assert digest == hashlib.sha256(b"content").hexdigest() == verify_sealed(tmp_path / "x.ckpt", "key")
    subprocess.run(["sha256sum", "--check", "--strict", "x.ckpt.sha256"], cwd=tmp_path, check=True)


@pytest.mark.parametrize("bit", range(0, 56, 5))
def test_one_flipped_bit_is_refused(tmp_path, bit):
    path = tmp_path / "x.ckpt"
    write(path, b"content")
    content = bytearray(path.read_bytes())
    content[bit // 8] ^= 1 << bit % 8
    path.write_bytes(content)
    with pytest.raises(UsageError, match=r"ckpt_path: .*x\.ckpt.*altered"):
        verify_sealed(path, "ckpt_path")


def test_a_missing_seal_is_refused_unless_the_file_is_older_than_seals(tmp_path):
    path = tmp_path / "x.ckpt"
    write(path, b"content")
    seal_of(path).unlink()
    with pytest.raises(UsageError, match="sha256 is missing"):
        verify_sealed(path, "ckpt_path")
    assert verify_sealed(path, "ckpt_path", required=False) == hashlib.sha256(b"content").hexdigest()


def test_wherever_the_writer_is_killed_a_whole_file_stays(tmp_path, monkeypatch):
    path, real, survived = tmp_path / "x.ckpt", os.fsync, set()
    for nth in range(1, 12):
        write(path, b"old")
        count = 0

        def dying(descriptor, nth=nth):
            nonlocal count
            count += 1
            if count == nth:
                raise Stop
            real(descriptor)

        monkeypatch.setattr(lit_curriculum.files.os, "fsync", dying)
        try:
            write(path, b"new")
        except Stop:
            pass
        finally:
            monkeypatch.setattr(lit_curriculum.files.os, "fsync", real)
        verify_sealed(path, "key")
        survived.add(path.read_bytes())
    assert survived == {b"old", b"new"}
    assert count < nth  # the last one was not interrupted


@pytest.mark.parametrize("sealed", [True, False])
def test_a_writer_may_be_killed_again_and_again(tmp_path, monkeypatch, sealed):
    path = tmp_path / "x.ckpt"
    write(path, b"old")
    if not sealed:
        seal_of(path).unlink()  # of version 0.1
    real = os.replace

    def dying(source, target):
        if str(target) == str(path):
            raise Stop
        real(source, target)

    for content in (b"new", b"newer", b"newest"):
        with monkeypatch.context() as patched:
            patched.setattr(lit_curriculum.files.os, "replace", dying)
            with pytest.raises(Stop):
                write(path, content)
        assert path.read_bytes() == b"old"
        verify_sealed(path, "key")
    path.write_bytes(b"altered")
    with pytest.raises(UsageError, match="altered"):
        verify_sealed(path, "key")
    with monkeypatch.context() as patched:
        patched.setattr(lit_curriculum.files.os, "replace", dying)
        with pytest.raises(Stop):
            write(path, b"new")
    with pytest.raises(UsageError, match="altered"):  # a killed writer makes nothing right
        verify_sealed(path, "key")
