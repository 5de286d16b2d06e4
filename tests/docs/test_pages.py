"""How blocks and commands are found on a page."""

from __future__ import annotations

from pathlib import Path

from tests.docs.pages import blocks, commands, prose
from tests.docs.smoke import smaller, smaller_file

PAGE = """# Title

```python
# mine.py
x = 1
```

- in a list

  ```sh
  lit fit --config a \\
      --x 1   # why
  lit check a && echo done
  ```

<!-- file: b.json -->
```json
{}
```

<!-- not run: a reason that is told -->
```python
nothing
```

A `[link](nowhere)` that is code.
"""


def test_blocks_know_line_language_file_and_reason(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(PAGE)
    found = list(blocks(page))
    assert [(b.line, b.language, b.file, b.not_run) for b in found] == [
        (4, "python", "mine.py", ""),
        (11, "sh", "", ""),
        (18, "json", "b.json", ""),
        (23, "python", "", "a reason that is told"),
    ]
    assert found[0].text == "# mine.py\nx = 1\n"
    assert list(commands(found[1])) == [
        ["lit", "fit", "--config", "a", "--x", "1"],
        ["lit", "check", "a"],
        ["echo", "done"],
    ]
    assert "x = 1" not in prose(page)
    assert "nowhere" not in prose(page)


def test_smoke_scale_keeps_the_words() -> None:
    base = "sparse_parity_mlp"
    assert smaller(["fit", "--config", base, "--config", "distill/student", "--model.width", "3"]) == [
        *("fit", "--config", base, "--config", f"smoke/{base}", "--config", "distill/student"),
        *("--model.width", "3", "--run_dir", f"runs/{base}+student"),
    ]
    assert smaller(["fit", "--config", "mine.yaml", "--run_dir", "there"]) == [
        *("fit", "--config", "mine.yaml", "--run_dir", "there")
    ]
    assert smaller(["check", base, "x.yaml"]) == ["check", base, f"smoke/{base}", "x.yaml"]
    assert smaller(["reproduce", "fig2"]) == ["reproduce", "fig2", "--scale", "smoke"]
    assert smaller(["reproduce", "fig2", "--seeds", "3"]) == ["reproduce", "fig2", "--scale", "smoke"]
    assert smaller_file(f"configs: [{base}]\ngrid:\n  a: [1, 2, 3]\n") == (
        f"configs: [{base}, smoke/{base}]\ngrid:\n  a: [1, 2]\n"
    )
