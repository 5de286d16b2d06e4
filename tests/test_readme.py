"""README says of the committed results what they say themselves."""

from __future__ import annotations

import json
import re

from tests.support import COUNTED, ROOT

README = (ROOT / "README.md").read_text()
_ROW = re.compile(
    r"^\| \[`([a-z0-9-]+)`\]\(results/(?:laptop|quick)/([a-z0-9-]+)\)(?: \(quick\))?"
    r" \| .+ \| (\d+) of (\d+) \|$",
    re.M,
)


def test_the_claims_that_hold_are_counted_as_they_were_judged() -> None:
    said = {name: (int(holding), int(all_)) for name, _, holding, all_ in _ROW.findall(README)}
    found = {}
    for name, path in COUNTED.items():
        statuses = [claim["status"] for claim in json.loads((path / "claims.json").read_text())["claims"]]
        found[name] = (statuses.count("holds"), len(statuses))
    assert said == found


def test_a_target_links_to_its_own_results() -> None:
    assert all(name == folder for name, folder, _, _ in _ROW.findall(README))
