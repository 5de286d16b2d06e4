"""Every public name has a docstring: the reference is made of them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import ROOT

SOURCE = ROOT / "src"
MODULES = sorted((SOURCE / "lit_curriculum").rglob("*.py"))
_DEFINED = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def undocumented(tree: ast.Module) -> Iterator[str]:
    """Yield public functions, classes and methods without a docstring, the module itself as ``module``."""
    if not ast.get_docstring(tree):
        yield "module"
    for node in filter(lacks, tree.body):
        yield node.name
    for owner in (node for node in tree.body if isinstance(node, ast.ClassDef) and node.name[0] != "_"):
        for node in filter(lacks, owner.body):
            yield f"{owner.name}.{node.name}"


def lacks(node: ast.stmt) -> bool:
    """Tell whether something is public and has no docstring; the first definition speaks for a setter."""
    if not isinstance(node, _DEFINED) or node.name.startswith("_") or ast.get_docstring(node):
        return False
    return not any(ast.unparse(mark).endswith((".setter", "overload")) for mark in node.decorator_list)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_public_names_have_docstrings(path: Path) -> None:
    assert list(undocumented(ast.parse(path.read_text(encoding="utf-8")))) == []


def test_what_a_package_exports_is_defined_below_it_or_imported() -> None:
    for path in MODULES:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        exported = [
            ast.literal_eval(node.value)
            for node in tree.body
            if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "__all__"
        ]
        bound = {
            alias.asname or alias.name
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom)
            for alias in node.names
        }
        bound |= {node.name for node in tree.body if isinstance(node, _DEFINED)}
        bound |= {
            target.id
            for node in tree.body
            for target in (*getattr(node, "targets", ()), getattr(node, "target", None))
            if isinstance(target, ast.Name)
        }
        for names in exported:
            assert set(names) <= bound, path


def test_a_missing_docstring_is_found() -> None:
    code = """'M.'
def a(): ...
class B:
    'B.'
    @property
    def c(self): ...
    @c.setter
    def c(self, x): ...
    def _d(self): ...
"""
    assert list(undocumented(ast.parse(code))) == ["a", "B.c"]
    assert list(undocumented(ast.parse("x = 1"))) == ["module"]
