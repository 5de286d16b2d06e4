"""Where numba keeps what it compiled, for a user who can write neither the package nor a home folder.

Numba looks for a folder when a function is decorated, beside the source and below the user's cache, and
raises if it can write none: in a container with a read-only root, say, nothing could be imported. So before
numba is there it is given a folder below the temporary one. Processes started later inherit the setting.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

VARIABLE = "NUMBA_CACHE_DIR"


def choose() -> None:
    """Set ``NUMBA_CACHE_DIR`` if nobody has and numba would find no folder, and say so on standard error."""
    if os.environ.get(VARIABLE) or _can_write(_of_user()) or _package_is_writable():
        return
    try:
        folder = _temporary()
    except OSError:
        return  # no folder at all: numba says so where it is needed
    os.environ[VARIABLE] = str(folder)
    # Of several processes that were started together one is enough.
    if os.environ.get("LOCAL_RANK", "0") == "0":
        note = f"lit: compiled functions are kept in {folder} ({VARIABLE} names another folder)"
        print(note, file=sys.stderr)


def _of_user() -> Path:
    """Return the folder for caches of the user; on a Mac it is another one below the same home."""
    named = os.environ.get("XDG_CACHE_HOME")
    return Path(named) if named else Path(os.path.expanduser("~")) / ".cache"


def _package_is_writable() -> bool:
    """Tell whether all folders of the package take a ``__pycache__``: any may hold compiled functions."""
    package = Path(__file__).parent
    folders = {path.parent for path in package.rglob("*.py")}
    return all(_can_write(folder / "__pycache__") for folder in folders)


def _can_write(folder: Path) -> bool:
    """Tell whether files can be put into a folder, which may have to be made."""
    while not folder.exists() and folder.parent != folder:
        folder = folder.parent
    return folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)


def _temporary() -> Path:
    """Return a folder that nobody else can write, since numba runs the code that it finds there."""
    user = os.getuid() if hasattr(os, "getuid") else 0
    folder = Path(tempfile.gettempdir()) / f"lit_curriculum-numba-{user}"
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        status = folder.lstat()
        ours = folder.is_dir() and not folder.is_symlink() and status.st_uid == user
        if not ours or status.st_mode & 0o022:
            return Path(tempfile.mkdtemp(prefix="lit_curriculum-numba-"))
    return folder
