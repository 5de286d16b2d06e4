"""Shipped configurations are found by name."""

from __future__ import annotations

import pytest

from lit_curriculum.errors import UsageError
from lit_curriculum.runs import configs


def test_a_shipped_configuration_is_found():
    path = configs.shipped("sparse_parity_mlp")
    assert path == configs.config_folder() / "sparse_parity_mlp.yaml"
    assert path.is_file()


def test_an_overlay_is_found_in_its_folder():
    assert configs.shipped("paper/sparse_parity_mlp").parent.name == "paper"


def test_an_unknown_name_is_refused_with_the_nearest():
    with pytest.raises(UsageError) as caught:
        configs.shipped("sparse_parity")
    message = str(caught.value)
    assert message.startswith("config: got 'sparse_parity'; allowed: ")
    assert "\n" not in message
    assert "did you mean 'sparse_parity_mlp'?" in message


@pytest.mark.parametrize("layout", ["installed", "source"])
def test_folder_is_found_inside_the_package_or_beside_its_source(tmp_path, monkeypatch, layout):
    package = tmp_path / "src" / "lit_curriculum"
    package.mkdir(parents=True)
    folder = (package if layout == "installed" else tmp_path) / "lightning_configs"
    folder.mkdir()
    monkeypatch.setattr(configs, "_PACKAGE", package)
    assert configs.config_folder() == folder


def test_an_installation_without_configurations_is_reported(tmp_path, monkeypatch):
    monkeypatch.setattr(configs, "_PACKAGE", tmp_path / "src" / "lit_curriculum")
    with pytest.raises(FileNotFoundError, match="lightning_configs is neither in"):
        configs.config_folder()


@pytest.mark.parametrize(
    ("names", "scale"),
    [
        (["pcfg_bert"], "laptop"),
        (["pcfg_bert", "smoke/pcfg_bert"], "smoke"),
        (["pcfg_bert", "paper/pcfg_bert", "distill/pcfg_student"], "paper"),
        (["pcfg_bert", "distill/pcfg_student"], "laptop"),
        ([], None),
    ],
)
def test_the_last_overlay_of_ours_names_the_scale(names, scale, tmp_path):
    own = tmp_path / "paper" / "mine.yaml"
    assert configs.scale_of([*(configs.shipped(name) for name in names), own]) == scale
