"""What an installed package holds, away from the source tree."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.support import CONFIGS, ROOT


def test_an_installed_package_brings_the_configurations(tmp_path: Path) -> None:
    command = [sys.executable, "setup.py", "-q", "build_py", "--build-lib", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    inside = tmp_path / "lit_curriculum" / "lightning_configs"
    theirs = {str(path.relative_to(inside)): path.read_bytes() for path in inside.rglob("*.yaml")}
    ours = {str(path.relative_to(CONFIGS)): path.read_bytes() for path in CONFIGS.rglob("*.yaml")}
    assert theirs == ours
    assert (tmp_path / "lit_curriculum" / "tasks" / "pcfg" / "grammars" / "cfg3b.json").is_file()


def test_what_moved_to_training_is_still_found_below_experiments() -> None:
    import lit_curriculum.experiments.base
    from lit_curriculum.experiments.minibatch import MinibatchModule

    import lit_curriculum.training.base
    from lit_curriculum.training import minibatch

    assert lit_curriculum.experiments.base is lit_curriculum.training.base
    assert MinibatchModule is minibatch.MinibatchModule


def test_training_imports_nothing_of_the_figures() -> None:
    code = (
        "import sys; import lit_curriculum.cli.training; "
        "print('pandas' in sys.modules, 'lit_curriculum.reproduce' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
