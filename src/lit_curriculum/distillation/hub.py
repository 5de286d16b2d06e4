"""Checkpoints that are revisions of a repository on the Hugging Face Hub, downloaded when first read.

What a file is, its SHA-256 and its size, the hub says without sending it; so a manifest is whole before any
weights are here, and weights that come later are held against it.
"""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lit_curriculum.errors import RunFailed, UsageError
from lit_curriculum.files import sha256_of

WEIGHTS = "model.safetensors"
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Revision:
    """One revision of a repository.

    Attributes:
        name: branch, tag or commit, as it was asked for.
        commit: that it stood for.
        size: of the weights, in bytes.
        sha256: of the weights.
    """

    name: str
    commit: str
    size: int
    sha256: str


def look_up(repo: str, name: str, scratch: Path) -> Revision:
    """Return what the hub says of a revision's weights.

    Args:
        repo: ``organisation/model``.
        name: branch, tag or commit.
        scratch: folder for a file whose SHA-256 the hub does not tell, which is downloaded at once.

    Raises:
        UsageError: if there is no such repository, revision or file, or the hub cannot be reached.
    """
    from huggingface_hub import get_hf_file_metadata, hf_hub_url

    try:
        found = get_hf_file_metadata(hf_hub_url(repo, WEIGHTS, revision=name))
        commit, etag = str(found.commit_hash or name), str(found.etag or "")
        if _SHA256.fullmatch(etag) and found.size is not None:
            return Revision(name, commit, int(found.size), etag)
        path = _download(repo, WEIGHTS, commit, scratch)
        return Revision(name, commit, path.stat().st_size, sha256_of(path))
    except Exception as error:
        raise _told(repo, name, WEIGHTS, error) from error


def read_config(repo: str, commit: str, scratch: Path) -> Path:
    """Download a revision's ``config.json``; return where it lies.

    Raises:
        UsageError: as `look_up` does.
    """
    try:
        return _download(repo, "config.json", commit, scratch)
    except Exception as error:
        raise _told(repo, commit, "config.json", error) from error


def fetch(source: dict[str, Any], step: int, sha256: str, path: Path) -> None:
    """Download the weights of a checkpoint to ``path``, complete or not at all.

    Args:
        source: of the bank's manifest.
        step: of the checkpoint.
        sha256: what it must have.
        path: its place in the bank.

    Raises:
        UsageError: if it cannot be had.
        RunFailed: if other bytes came.
    """
    repo, revision = source["repo"], source["revisions"][str(step)]
    scratch = path.parent / ".hub" / f"{step}-{os.getpid()}"
    try:
        try:
            found = _download(repo, WEIGHTS, revision["commit"], scratch)
        except Exception as error:
            raise _told(repo, revision["name"], WEIGHTS, error) from error
        if sha256_of(found) != sha256:
            raise RunFailed(
                f"bank: {repo} at {revision['name']} sent other weights than it had announced (sha256 "
                f"{sha256[:12]}); run the same command again"
            )
        os.replace(found, path)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _download(repo: str, name: str, commit: str, folder: Path) -> Path:
    from huggingface_hub import hf_hub_download

    return Path(hf_hub_download(repo, name, revision=commit, local_dir=folder))


def _told(repo: str, revision: str, name: str, error: Exception) -> UsageError:
    """Return the one line for what the hub's library raised."""
    kinds = {
        "RepositoryNotFoundError": "there is no such repository, or it is not open to you",
        "GatedRepoError": "its owner must let you in, see its page",
        "RevisionNotFoundError": "there is no such revision",
        "EntryNotFoundError": f"it holds no {name}",
        "RemoteEntryNotFoundError": f"it holds no {name}",
        "HFValidationError": "that is no name of a repository",
    }
    if isinstance(error, UsageError):
        return error
    said = kinds.get(type(error).__name__)
    if said is None:
        said = f"it cannot be read ({type(error).__name__}: {' '.join(str(error).split())[:200]})"
    return UsageError(
        f"bank: {repo} at {revision}: {said}; allowed: organisation/model and revisions with a {name}"
    )
