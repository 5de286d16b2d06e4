"""A hub on this machine: what huggingface_hub asks of `resolve`, from folders, a folder a revision."""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

_PLACE = re.compile(r"/(?P<repo>[^/]+/[^/]+)/resolve/(?P<revision>[^/]+)/(?P<file>[^?]+)")


def commit_of(name: str) -> str:
    """Return the commit that a revision stands for here."""
    return hashlib.sha1(name.encode()).hexdigest()


@contextmanager
def serving(root: Path) -> Iterator[tuple[str, list[str]]]:
    """Serve ``root/organisation/model/REVISION/file``; yield the address and the paths of all downloads."""
    downloads: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self._answer(whole=False)

        def do_GET(self) -> None:
            self._answer(whole=True)

        def log_message(self, format: str, *args: object) -> None:
            pass

        def _answer(self, whole: bool) -> None:
            found = _PLACE.match(self.path)
            repo = root / found["repo"] if found else root / "nothing"
            names = {commit_of(p.name): p.name for p in repo.iterdir()} if repo.is_dir() else {}
            revision = names.get(found["revision"], found["revision"]) if found else ""
            path = repo / revision / (found["file"] if found else "")
            if not path.is_file():
                code = "EntryNotFound" if path.parent.is_dir() and names else "RevisionNotFound"
                self.send_response(404)
                if self.path.startswith("/api/"):
                    code, names = "EntryNotFound", {"": ""}  # e.g. a list of a folder that is not there
                self.send_header("X-Error-Code", code if names else "RepoNotFound")
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            content = path.read_bytes()
            digest = hashlib.sha256(content).hexdigest()
            self.send_response(200)
            self.send_header("X-Repo-Commit", commit_of(revision))
            self.send_header("ETag", f'"{digest}"')
            if path.suffix == ".safetensors":
                self.send_header("X-Linked-Etag", f'"{digest}"')
                self.send_header("X-Linked-Size", str(len(content)))
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if whole:
                downloads.append(f"{revision}/{path.name}")
                self.wfile.write(content)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", downloads
    finally:
        server.shutdown()
        server.server_close()
