"""Comparisons that no single paper makes."""
