"""Implicit intermediate supervision for learning complex functions: its figures."""
