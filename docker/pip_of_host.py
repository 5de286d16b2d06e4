"""Print the options with which ``buildah build`` installs from where pip does on this machine, one a line.

    python docker/pip_of_host.py FOLDER

Writes a ``pip.conf`` into the folder, which the build takes as a secret, so that it is in no layer. Local
folders and files that it names are mounted for as long as the build lasts.
"""

from __future__ import annotations

import ast
import re
import shlex
import subprocess
import sys
from pathlib import Path

KEYS = (
    "index-url",
    "extra-index-url",
    "find-links",
    "trusted-host",
    "cert",
    "constraint",
    "retries",
    "timeout",
)


def settings() -> dict[str, str]:
    """Return what ``pip config list`` tells, the environment's above the files'."""
    command = [sys.executable, "-m", "pip", "config", "list"]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found: dict[str, str] = {}
    for line in sorted(listed.splitlines(), key=lambda line: line.startswith(":env:")):
        name, _, value = line.partition("=")
        key = name.rpartition(".")[2]
        if name.startswith(("global.", "install.", ":env:")) and key in KEYS:
            found[key] = str(ast.literal_eval(value))
    return found


def local(key: str, value: str) -> list[Path]:
    """Return the folders and files of this machine that a setting names.

    Of an index on disk it is the folder around it: its pages may link to files beside them.
    """
    paths = [Path(re.sub("^file://", "", word).rstrip("/")) for word in value.split() if "/" in word]
    found = [path for path in paths if path.is_absolute() and path.exists()]
    return [path.parent for path in found] if key.endswith("index-url") else found


def main(folder: Path) -> None:
    """Write ``pip.conf`` and print the options."""
    folder.mkdir(parents=True)
    found = settings()
    text = "[global]\n" + "".join(f"{key} = {' '.join(value.split())}\n" for key, value in found.items())
    (folder / "pip.conf").write_text(text, encoding="utf-8")
    print(f"--secret=id=pip,src={folder / 'pip.conf'}")
    for path in dict.fromkeys(path for key, value in found.items() for path in local(key, value)):
        print(f"--volume={path}:{path}:ro")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(f"usage: {shlex.join(sys.argv[:1])} FOLDER")
    main(Path(sys.argv[1]))
