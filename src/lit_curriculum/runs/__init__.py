"""Launching runs, what they leave behind, and when one can stand for another."""
