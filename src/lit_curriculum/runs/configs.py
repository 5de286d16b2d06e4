"""Finding the shipped YAML files, in a source tree or in an installed package."""

from __future__ import annotations

from collections.abc import Sequence
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
    """Return the path of a shipped configuration, e.g. ``paper/sparse_parity_mlp``, or of a user's ``.yaml``.

    Raises:
        UsageError: if there is none of that name.
    """
    if name.endswith(".yaml"):
        if not Path(name).is_file():
            raise bad_value("config", name, "an existing file")
        return Path(name)
    path = config_folder() / f"{name}.yaml"
    if not path.is_file():
        known = sorted(str(p.relative_to(config_folder()))[:-5] for p in config_folder().rglob("*.yaml"))
        known = [name for name in known if not name.startswith("sweeps/")]
        raise bad_value("config", name, ", ".join(known))
    return path


def scale_of(configs: Sequence[str | Path]) -> str | None:
    """Return the scale that shipped configurations set: the last of their overlays decides.

    Args:
        configs: files in the order in which they overlay one another.

    Returns:
        ``laptop`` for a base alone, ``smoke`` or ``paper`` with such an overlay, None without any of ours.
    """
    scale = None
    for config in configs:
        folder = Path(config).resolve().parent
        if folder == config_folder():
            scale = "laptop"
        elif folder.parent == config_folder() and folder.name in ("smoke", "paper"):
            scale = folder.name
    return scale
