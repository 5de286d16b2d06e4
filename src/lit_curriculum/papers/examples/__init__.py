"""Figures that show how one is added."""
