"""The papers' figures and tables, one file each; what several share begins with an underscore."""
