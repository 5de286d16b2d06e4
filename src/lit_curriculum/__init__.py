"""lit_curriculum: what happens when something supervises the intermediate steps of a hard function."""

__version__ = "0.1.0"
