"""lit_curriculum: what happens when something supervises the intermediate steps of a hard function."""

from lit_curriculum import numba_cache

__version__ = "0.1.0"

# Before any module with compiled functions is imported.
numba_cache.choose()
