"""A page's commands at smoke scale: the same words, smaller runs."""

from __future__ import annotations

import re

from lit_curriculum.runs.configs import shipped_names
from lit_curriculum.runs.folder import default_run_dir


def smaller(words: list[str]) -> list[str]:
    """Return a command of ``lit`` with the smoke overlay behind every shipped base."""
    command, *rest = words
    if "--seeds" in words:
        place = words.index("--seeds")
        return smaller([*words[:place], *words[place + 2 :]])
    if command == "reproduce" and "--scale" not in rest and "--list" not in rest:
        return [*words, "--scale", "smoke"]
    if command == "check":
        return [command, *(word for given in rest for word in _with_overlay(given))]
    if command != "fit":
        return words
    result, configs = [command], []
    for before, word in zip(words, rest, strict=False):
        if before == "--config":
            configs.append(word)
            result += [part for name in _with_overlay(word) for part in ("--config", name)]
        elif word != "--config":
            result.append(word)
    if "--run_dir" not in rest:
        result += ["--run_dir", str(default_run_dir(configs))]
    return result


def smaller_file(text: str) -> str:
    """Return a page's file with smoke scale where it names laptop, and in a sweep's configurations, whose
    grid is cut to two values of each key.
    """
    text = text.replace('scale="laptop"', 'scale="smoke"')
    if re.search(r"^grid:", text, flags=re.M):
        text = re.sub(r"(\[\d+, \d+), \d+\]", r"\1]", text)
    return re.sub(
        r"^configs: \[(\w+)\]",
        lambda found: f"configs: [{', '.join(_with_overlay(found[1]))}]",
        text,
        flags=re.M,
    )


def _with_overlay(word: str) -> list[str]:
    return [word, f"smoke/{word}"] if f"smoke/{word}" in shipped_names() else [word]
