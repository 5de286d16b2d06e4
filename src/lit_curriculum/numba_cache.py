"""Where numba keeps what it compiled: a folder for these sources, which the user can write.

Numba takes a compiled function from its cache if the function's own file is the same. But a function holds
the code of those that it calls, of the vectors it is written in, and constants, from other files: after an
upgrade or an edit of one of them the old code would run without a word. So the folder is named by all sources
that are compiled, and by those that they import from; other sources have another folder.

Numba looks for a folder when a function is decorated, and raises if it can write none: in a container with a
read-only root, say, nothing could be imported. So before numba is there it is given one: below the user's
``NUMBA_CACHE_DIR``, else in the package's ``__pycache__``, in the user's cache, or in the temporary folder,
the first that can be written. Processes started later inherit the setting.
"""

from __future__ import annotations

import hashlib
import os
import re
import sys
import tempfile
from pathlib import Path

VARIABLE = "NUMBA_CACHE_DIR"

_PACKAGE = Path(__file__).parent
# What a source that is compiled has in it.
_COMPILED = (b"from numba", b"import numba", b"from lit_curriculum.simd")


def choose() -> None:
    """Set ``NUMBA_CACHE_DIR`` to a folder for these sources; say so if only the temporary folder is left."""
    name = f"numba-{fingerprint()}"
    given = os.environ.get(VARIABLE)
    if given and Path(given).name == name:
        return  # by the process that started this one
    if given and re.fullmatch("numba-[0-9a-f]{12}", Path(given).name):
        given = str(Path(given).parent)  # by a process with other sources
    root = Path(given) if given else _of_package() or _of_user()
    if root is None:
        try:
            root = _temporary()
        except OSError:
            return  # no folder at all: numba says so where it is needed
        # Of several processes that were started together one is enough.
        if os.environ.get("LOCAL_RANK", "0") == "0":
            note = f"lit: compiled functions are kept in {root} ({VARIABLE} names another folder)"
            print(note, file=sys.stderr)
    os.environ[VARIABLE] = str(root / name)
    if "numba" in sys.modules:  # has read the environment already
        sys.modules["numba"].config.CACHE_DIR = str(root / name)


def fingerprint() -> str:
    """Return twelve hex digits of the sources that are compiled and of those that they import from."""
    sources = {path: path.read_bytes() for path in _PACKAGE.rglob("*.py")}
    compiled = {path for path, source in sources.items() if any(word in source for word in _COMPILED)}
    asked = {_PACKAGE.joinpath(*name.split(".")) for path in compiled for name in _imported(sources[path])}
    files = {file for place in asked for file in (place.with_suffix(".py"), place / "__init__.py")}
    found = hashlib.sha256()
    for path in sorted(compiled | (files & sources.keys())):
        found.update(f"{path.relative_to(_PACKAGE)} {len(sources[path])}\n".encode() + sources[path])
    return found.hexdigest()[:12]


def _imported(source: bytes) -> list[str]:
    """Return the modules of the package that a source imports names from."""
    return re.findall(r"^from lit_curriculum\.([\w.]+) import", source.decode(), re.MULTILINE)


def _of_package() -> Path | None:
    """Return the package's own folder for compiled files, if it can be written."""
    folder = _PACKAGE / "__pycache__"
    return folder if _can_write(folder) else None


def _of_user() -> Path | None:
    """Return the folder for caches of the user, if it can be written; on a Mac others use another one."""
    named = os.environ.get("XDG_CACHE_HOME")
    root = Path(named) if named else Path(os.path.expanduser("~")) / ".cache"
    return root / "lit_curriculum" if _can_write(root / "lit_curriculum") else None


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
