"""Let the build of an image install from where pip installs on this machine, without a trace in the image.

    python docker/pip_of_host.py FILE

Writes FILE, a ``pip.conf`` that the build takes as a secret, and beside it ``ca.pem``, another, if pip has
certificates of its own. Folders and files of this machine which pip's settings name are served over HTTP on
the loopback interface for as long as this runs: mounted, they would leave empty folders behind.
"""

from __future__ import annotations

import ast
import os
import shlex
import shutil
import subprocess
import sys
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

KEYS = ("index-url", "extra-index-url", "find-links", "trusted-host", "constraint", "cert", "timeout")
CERTIFICATES = "/run/ca.pem"


def settings() -> dict[str, list[str]]:
    """Return the words of what ``pip config list`` tells, the environment's above the files'."""
    command = [sys.executable, "-m", "pip", "config", "list"]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found: dict[str, list[str]] = {}
    for line in sorted(listed.splitlines(), key=lambda line: line.startswith(":env:")):
        name, _, value = line.partition("=")
        key = name.rpartition(".")[2]
        if name.startswith(("global.", "install.", ":env:")) and key in KEYS:
            found[key] = str(ast.literal_eval(value)).split()
    return found


def local(word: str) -> Path | None:
    """Return the folder or file of this machine that a word of the settings names."""
    path = Path(word.removeprefix("file://").rstrip("/"))
    return path if path.is_absolute() and path.exists() else None


class Files(SimpleHTTPRequestHandler):
    """Serves what lies in some folders, by its path on this machine, and nothing else."""

    served: tuple[Path, ...] = ()

    def translate_path(self, path: str) -> str:
        """Return the file behind a URL's path; a name that is nowhere for what is not served."""
        wanted = Path(os.path.normpath(unquote(urlsplit(path).path)))
        inside = any(place in (wanted, *wanted.parents) for place in self.served)
        return str(wanted) if inside else os.path.join(os.devnull, "none")

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


def main(file: Path) -> None:
    """Write the settings and serve until this is ended."""
    found = settings()
    certificates = local(" ".join(found.pop("cert", [])))
    places: list[Path] = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Files)
    lines = ["[global]"]
    for key, words in found.items():
        here = {word: path for word in words if (path := local(word)) is not None}
        # The pages of an index may link to files beside them.
        places += [path.parent if key.endswith("index-url") else path for path in here.values()]
        address = f"http://127.0.0.1:{server.server_port}"
        lines.append(f"{key} = {' '.join(address + quoted(here[w]) if w in here else w for w in words)}")
    if certificates is not None:
        shutil.copy(certificates, file.with_name("ca.pem"))
        lines.append(f"cert = {CERTIFICATES}")
    Files.served = tuple(places)
    unfinished = file.with_suffix(".unfinished")
    unfinished.write_text("\n".join(lines) + "\n", encoding="utf-8")
    unfinished.rename(file)
    server.serve_forever()


def quoted(path: Path) -> str:
    """Return a path as it stands in a URL; a folder's ends with a slash: its links are relative to it."""
    return path.as_uri().removeprefix("file://") + ("/" if path.is_dir() else "")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(f"usage: {shlex.join(sys.argv[:1])} FILE")
    main(Path(sys.argv[1]))
