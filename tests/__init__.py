"""Tests. Imported before any of them, and so before anything imports triton."""

from __future__ import annotations

import importlib.util
import os

import torch


def _import_triton_for_its_interpreter() -> None:
    """Import triton with its interpreter on, where there is no GPU.

    Whether a program is interpreted is settled when it is defined, for those of triton's own library when
    triton is imported, which transformers does as well. Too late is an error in the middle of a program.
    """
    if importlib.util.find_spec("triton") is None or torch.cuda.is_available():
        return
    before = os.environ.get("TRITON_INTERPRET")
    os.environ["TRITON_INTERPRET"] = "1"
    importlib.import_module("triton")
    if before is None:
        del os.environ["TRITON_INTERPRET"]
    else:
        os.environ["TRITON_INTERPRET"] = before


_import_triton_for_its_interpreter()
