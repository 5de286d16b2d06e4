"""Put the configurations, which lie at the top of the repository, into the package that is installed."""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

CONFIGS = "lightning_configs"


class WithConfigs(build_py):
    """Copy them where `lit_curriculum.runs.configs` looks first; an editable install finds them in place."""

    def run(self) -> None:
        super().run()
        if not self.editable_mode:
            shutil.copytree(CONFIGS, Path(self.build_lib) / "lit_curriculum" / CONFIGS, dirs_exist_ok=True)


setup(cmdclass={"build_py": WithConfigs})
