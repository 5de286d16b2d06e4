"""What has been reproduced, on one page: rows of the papers and what `lit reproduce` left of them.

Data first: `rows` says what there is to reproduce, `collect` reads what results say, `scorecard` joins the
two. `html`, `markdown` and `comma_separated` only show it.
"""
