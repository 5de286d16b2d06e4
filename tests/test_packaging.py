"""The source distribution and the wheel, built, installed and used away from the source tree."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import venv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support import CONFIGS, ROOT

pytestmark = pytest.mark.slow

NOBODY = 54321
_PARTS = ("src", "lightning_configs", "docs", "tests", "benchmarks", "docker", ".github")
_NO_SOURCE = shutil.ignore_patterns("*.egg-info", "__pycache__")


@dataclass(frozen=True)
class Built:
    """A source distribution, a wheel, and an environment in which the wheel is installed."""

    sdist: Path
    wheel: Path
    lit: Path
    package: Path


def _run(*command: str | Path, **options: object) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(command, check=False, capture_output=True, text=True, **options)  # type: ignore[call-overload]
    assert done.returncode == 0, done.stdout + done.stderr
    return done


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Built]:
    place = tmp_path_factory.mktemp("packaging")
    # A user without rights must be able to walk to it.
    for folder in (place, place.parent, place.parent.parent):
        folder.chmod(folder.stat().st_mode | 0o055)
    tree, dist, environment = place / "tree", place / "dist", place / "environment"
    for part in _PARTS:
        shutil.copytree(ROOT / part, tree / part, ignore=_NO_SOURCE)
    for path in ROOT.iterdir():
        if path.is_file() and path.name != ".git":
            shutil.copy(path, tree)
    # The wheel is made of the source distribution.
    _run(sys.executable, "-m", "build", "--no-isolation", "--outdir", dist, tree)
    (sdist,), (wheel,) = dist.glob("*.tar.gz"), dist.glob("*.whl")
    venv.create(environment, symlinks=True, with_pip=False)
    _run(sys.executable, "-m", "pip", "--python", environment, "install", "--no-deps", "--no-index", wheel)
    (site,) = environment.glob("lib/python*/site-packages")
    # What it depends on is here already; this package is not taken from here, it comes first there.
    others = [path for path in sys.path if path.endswith("site-packages")]
    (site / "others.pth").write_text("\n".join(others) + "\n", encoding="utf-8")
    package = site / "lit_curriculum"
    _allow_writing(package, False)
    yield Built(sdist, wheel, environment / "bin" / "lit", package)
    _allow_writing(package, True)


def _allow_writing(package: Path, allow: bool) -> None:
    for folder in (package, *(path for path in package.rglob("*") if path.is_dir())):
        folder.chmod(0o755 if allow else 0o555)


def lit(built: Built, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run the installed ``lit`` as a user who may write one folder alone, not the package, not the home."""
    home = folder / "home"
    home.mkdir(mode=0o555, exist_ok=True)
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "TMPDIR": str(folder),
        "OMP_NUM_THREADS": "1",
    }
    user: list[str] = []
    if os.getuid() == 0:
        # Where Python itself lies in root's home nobody else can start it: root without its powers then.
        user = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"]
        if _open_to_all(Path(sys.executable).resolve()):
            user += [f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
            environment["HOME"] = "/nonexistent"
    return _run(*user, built.lit, *words, cwd=folder, env=environment)


def _open_to_all(path: Path) -> bool:
    return all(place.stat().st_mode & 0o001 for place in (path, *path.parents))


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """An unrelated folder of that user's."""
    for folder in (tmp_path.parent, tmp_path.parent.parent):
        folder.chmod(folder.stat().st_mode | 0o055)
    tmp_path.chmod(0o777)
    return tmp_path


def test_the_source_distribution_holds_what_a_developer_needs(built: Built) -> None:
    with tarfile.open(built.sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    for folder in _PARTS:
        ours = {
            str(path.relative_to(ROOT))
            for path in (ROOT / folder).rglob("*")
            if path.is_file() and not {"__pycache__"} & set(path.parts) and ".egg-info" not in str(path)
        }
        assert ours <= names, sorted(ours - names)[:5]
    for name in ("Makefile", "constraints.txt", "constraints-min.txt", "CHANGELOG.md", "setup.py", "LICENSE"):
        assert name in names
    assert not [name for name in names if name.endswith(".pyc") or "results/" in name]


def test_the_wheel_holds_every_file_of_the_package(built: Built) -> None:
    source = ROOT / "src" / "lit_curriculum"
    wanted = {
        str(path.relative_to(source))
        for path in source.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    wanted |= {f"lightning_configs/{path.relative_to(CONFIGS)}" for path in CONFIGS.rglob("*.yaml")}
    found = {
        str(path.relative_to(built.package))
        for path in built.package.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert found == wanted


def test_without_a_home_and_elsewhere_commands_work(built: Built, elsewhere: Path) -> None:
    done = lit(built, elsewhere, "sample", "cfg3b")
    assert done.stdout.strip()
    assert done.stderr.count("NUMBA_CACHE_DIR") == done.stderr.count("\n") == 1
    assert any(elsewhere.glob("lit_curriculum-numba-*/numba-*/*/*.nbi"))
    assert len(lit(built, elsewhere, "configs").stdout.splitlines()) == len(list(CONFIGS.rglob("*.yaml")))


def test_without_a_home_and_elsewhere_a_shipped_run_is_trained(built: Built, elsewhere: Path) -> None:
    lit(built, elsewhere, "fit", "--config", "sparse_parity_mlp", "--config", "smoke/sparse_parity_mlp")
    provenance = (elsewhere / "runs" / "sparse_parity_mlp+smoke" / "provenance.json").read_text()
    assert '"finished": true' in provenance
    assert '"commit": null' in provenance
