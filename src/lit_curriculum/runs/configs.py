"""Finding the shipped YAML files, in a source tree or in an installed package."""

from __future__ import annotations

from pathlib import Path

from lit_curriculum.errors import bad_value

_PACKAGE = Path(__file__).resolve().parents[1]


def config_folder() -> Path:
    """Return the folder ``lightning_configs``.

    Raises:
        FileNotFoundError: if the installation lacks it.
    """
    for place in (_PACKAGE / "lightning_configs", _PACKAGE.parents[1] / "lightning_configs"):
        if place.is_dir():
            return place
    raise FileNotFoundError(f"lightning_configs is neither in {_PACKAGE} nor in {_PACKAGE.parents[1]}")


def shipped(name: str) -> Path:
    """Return the path of a shipped configuration, e.g. ``paper/sparse_parity_mlp``.

    Raises:
        UsageError: if there is none of that name.
    """
    path = config_folder() / f"{name}.yaml"
    if not path.is_file():
        known = sorted(str(p.relative_to(config_folder()))[:-5] for p in config_folder().rglob("*.yaml"))
        raise bad_value("config", name, ", ".join(known))
    return path
