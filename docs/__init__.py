"""The documentation. ``tools`` makes of it a site, and what of it is made by code."""
