"""The papers' lemmas and theorems as executable checks."""
