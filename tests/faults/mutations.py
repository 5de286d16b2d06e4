"""Wrong inputs: valid ones, changed in a few places, and noise. A few draws make one: many can be tried.

All chance comes from a `random.Random`: hypothesis' own, whose draws it can shrink, or a plain one, which is
faster.
"""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable, Sequence
from typing import Any

Source = Callable[[random.Random], bytes]
"""Makes an input."""

Edit = tuple[int, int, int]
"""What to change, where, and into what: numbers, each taken modulo what there is to choose from."""

VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 7, 2**31, 2**53, 2**53 + 1, 2**64, 10**400, 10**1200),
    *(0.5, -0.0, 1e308, 5e-324, float("nan"), float("inf"), 1.0),
    *(
        "",
        "x",
        "1",
        "a\nb",
        "../x",
        "/etc/passwd",
        "\0",
        "\ud800",
        "\u2028",
        "..",
        "ü",
        "\x1b[2J",
        "x" * 5000,
    ),
    *([], {}, [[]], [None], {"": 0}, {"a": {"a": {}}}, [1] * 500, [[0] * 3] * 3),
    *("model.lr", "bit_subset_parity", "0" * 64, "step_000000000010.safetensors"),
)

TOKENS = (
    *(
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        '"',
        "'",
        "#",
        "=",
        "\n",
        "\r",
        "\t",
        " ",
        "-",
        "- ",
        "? ",
        "|",
        ">",
        "%",
        "@",
    ),
    *("&a ", "*a ", "<<: ", "!!int ", "!!python/name:os.system ", "!!binary ", "!!set ", "---\n", "...\n"),
    *(
        "0",
        "-1",
        "1e999",
        "NaN",
        "Infinity",
        ".nan",
        ".inf",
        "1:60",
        "0x1f",
        "1_0",
        "2001-01-01",
        "2001-99-99",
    ),
    *("9" * 2000, "9" * 5000, "[" * 150, "{a: " * 120, "]" * 150, "x" * 3000, "- " * 120, "1:" * 300 + "1.5"),
    *(
        "\0",
        "\ufeff",
        "\u2028",
        "\x0b",
        "\x85",
        "\ud7ff",
        "ü",
        "\x1b",
        "null",
        "true",
        "~",
        "input ",
        "output ",
    ),
    *(
        "and ",
        "not ",
        "step",
        "\\",
        "\\ud800",
        '"\\Uffffffff"',
        "%YAML 1.9\n",
        "%TAG ! x\n",
        "%YAML 1." + "1" * 5000,
    ),
)


def edited_text(text: str, edits: Sequence[Edit]) -> str:
    """Change a text: insert, replace, cut, repeat, move."""
    for what, where, other in edits:
        at = where % (len(text) + 1)
        end = min(len(text), at + 1 + other % 40)
        token = TOKENS[other % len(TOKENS)]
        match what % 7:
            case 0:
                text = text[:at] + token + text[at:]
            case 1:
                text = text[:at] + token + text[end:]
            case 2:
                text = text[:at] + text[end:]
            case 3:
                text = text[:at]
            case 4:
                text = text[:end] + text[at:end] * (1 + other % 3) + text[end:]
            case 5:
                text = _lines_swapped(text, where, other)
            case 6:
                text = text[:at] + chr(other % 0xD800) + text[at:]
    return text


def edited_value(value: Any, edits: Sequence[Edit]) -> Any:
    """Change a value of lists and objects: replace, remove, repeat, rename, nest, exchange."""
    root = {"": copy.deepcopy(value)}
    for what, where, other in edits:
        places = list(_places(root))
        holder, key = places[where % len(places)]
        change = VALUES[other % len(VALUES)]
        kind = what % 8
        if kind <= 3:
            holder[key] = copy.deepcopy(change)
        elif kind == 4 and (len(holder) > 1 or isinstance(holder, list)):
            del holder[key]
        elif kind == 5 and isinstance(holder, list):
            holder.insert(key, copy.deepcopy(holder[key]))
        elif kind in (5, 6):
            name = change if isinstance(change, str) else str(change)[:50]
            if isinstance(holder, dict) and holder is not root:
                holder[name] = holder.pop(key)
            else:
                holder[key] = [holder[key]] if other % 5 else _nested(holder[key], 200)
        else:
            there, name = places[other % len(places)]
            holder[key] = copy.deepcopy(there[name])
    return root.get("", next(iter(root.values()), None))


def edited_bytes(content: bytes, edits: Sequence[Edit]) -> bytes:
    """Change bytes: flip, cut, insert."""
    for what, where, other in edits:
        at = where % (len(content) + 1)
        some = bytes([other % 256]) * (1 + other % 9)
        changed = bytearray(content)
        if what % 4 == 0 and at < len(content):
            changed[at] ^= 1 << other % 8
        elif what % 4 == 1:
            changed[at : at + 1 + other % 16] = b""
        elif what % 4 == 2:
            changed[at:at] = some
        else:
            changed[at : at + len(some)] = some
        content = bytes(changed)
    return content


def edits(chance: random.Random) -> list[Edit]:
    """Return one to four changes."""
    return [
        (chance.randrange(2**16), chance.randrange(2**16), chance.randrange(2**16))
        for _ in range(chance.randint(1, 4))
    ]


def noise(chance: random.Random) -> bytes:
    """Return bytes, or text of any characters."""
    content = chance.randbytes(chance.randrange(300))
    return content if chance.random() < 0.5 else content.decode("utf-16-le", "ignore").encode()


def texts(*valid: str) -> Source:
    """Return valid texts with changes in their characters, or in their bytes."""

    def make(chance: random.Random) -> bytes:
        text = chance.choice(valid)
        if chance.random() < 0.7:
            return edited_text(text, edits(chance)).encode()
        return edited_bytes(text.encode(), edits(chance))

    return make


def values(*valid: Any, write: Callable[[Any], str] = json.dumps) -> Source:
    """Return valid values with changes in their structure."""
    return lambda chance: write(edited_value(chance.choice(valid), edits(chance))).encode()


def either(*sources: Source) -> Source:
    """Return what one of several sources makes."""
    return lambda chance: chance.choice(sources)(chance)


def _places(holder: Any) -> Any:
    for key, inner in list(holder.items() if isinstance(holder, dict) else enumerate(holder)):
        yield holder, key
        if isinstance(inner, dict | list):
            yield from _places(inner)


def _nested(value: Any, depth: int) -> Any:
    for _ in range(depth):
        value = [value]
    return value


def _lines_swapped(text: str, first: int, second: int) -> str:
    lines = text.splitlines(keepends=True) or [""]
    i, j = first % len(lines), second % len(lines)
    lines[i], lines[j] = lines[j], lines[i]
    return "".join(lines)
