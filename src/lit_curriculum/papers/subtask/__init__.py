"""Figures and tables of `subtask`, one file each."""
