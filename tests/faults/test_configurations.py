"""Whole configurations, mutated: parsed and checked, or refused in one line; never another exception."""

from __future__ import annotations

import copy
import logging
import random
from pathlib import Path
from typing import Any

import pytest
import yaml

from lit_curriculum.cli.parsing import parse_and_run
from lit_curriculum.errors import UsageError
from tests.faults.drivers import Tally, report
from tests.support import CONFIGS, config

EXPERIMENTS = sorted(
    path.stem for path in (CONFIGS / "smoke").glob("*.yaml") if (CONFIGS / path.name).is_file()
)
CHUNKS = 20

VALUES: list[Any] = [
    *(None, True, False, 0, 1, -1, 2, 3.5, -0.0, 1e-9, 1e300, float("nan"), float("inf"), 10**22, 2**63),
    *(
        "",
        " ",
        "x",
        "null",
        "1e-3",
        "cfg3b",
        "\u03b1",
        "a\nb",
        "../..",
        "~",
        "{}",
        "[]",
        "os.system",
        "n" * 5000,
    ),
    *([], {}, [1], [None], [[]], {"a": 1}, {"class_path": "os.system"}, {"class_path": "HarvestCheckpoints"}),
    {"class_path": "SwapTeacher", "init_args": {"bank": "nowhere", "strategy": {"class_path": "OneShot"}}},
]


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the path of every value below one."""
    found = [path] if path else []
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, inner in items:
        found += places(inner, (*path, name))
    return found


def mutate(settings: dict[str, Any], chance: random.Random) -> dict[str, Any]:
    """Return settings with one to three mistakes."""
    made = copy.deepcopy(settings)
    for _ in range(chance.randint(1, 3)):
        *path, last = chance.choice(places(made) or [("model",)])
        place = made
        for name in path:
            place = place[name]
        how = chance.choice(["value", "value", "value", "gone", "renamed", "twin", "deeper"])
        if how == "value" or isinstance(place, list):
            place[last] = copy.deepcopy(chance.choice(VALUES))
        elif how == "gone":
            place.pop(last, None)
        elif how == "renamed":
            place[str(last) + chance.choice("sx_1")] = place.pop(last, None)
        elif how == "twin":
            place[chance.choice(["lr", "d", "width", "devices", "callbacks", "init_args"])] = place.get(last)
        else:
            place[last] = {str(last): place.get(last)}
    return made


def attempt(name: str, chance: random.Random, folder: Path) -> None:
    """Parse and check one mutated configuration.

    Raises:
        AssertionError: if anything but a refusal came out.
    """
    layers = [yaml.safe_load(Path(config(layer)).read_text()) for layer in (name, f"smoke/{name}")]
    which = chance.randrange(2)
    layers[which] = mutate(layers[which], chance)
    words = ["fit", "--run_dir", str(folder / "run")]
    for number, layer in enumerate(layers):
        path = folder / f"{number}.yaml"
        path.write_text(yaml.safe_dump(layer, allow_unicode=True), encoding="utf-8")
        words += ["--config", str(path)]
    said = "nothing"
    try:
        parse_and_run(words, run=False).preflight()
    except UsageError as error:
        said = str(error)
    except BaseException as error:
        raise AssertionError(f"{type(error).__name__} from {layers[which]}") from error
    assert said.strip()
    assert "\n" not in said
    assert not (folder / "run").exists()


def tried(seed: str, count: int, folder: Path) -> int:
    chance = random.Random(seed)
    for _ in range(count):
        attempt(chance.choice(EXPERIMENTS), chance, folder)
    return count


def test_a_wrong_configuration_is_refused_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging, "raiseExceptions", False)
    assert tried("few", 100, tmp_path) == 100


@pytest.mark.slow
@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_thousands_of_wrong_configurations_are_refused(
    chunk: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging, "raiseExceptions", False)
    count = tried(f"many {chunk}", 250, tmp_path)
    report(Tally("mutated configurations, parsed and checked or refused in one line", count, count))
