"""README says of the committed results what they say themselves."""

from __future__ import annotations

import json
import re

from tests.support import RESULTS, ROOT

README = (ROOT / "README.md").read_text()
_ROW = re.compile(r"^\| \[`([a-z0-9-]+)`\]\(results/laptop/([a-z0-9-]+)\) \| .+ \| (\d+) of (\d+) \|$", re.M)


def test_the_claims_that_hold_are_counted_as_they_were_judged() -> None:
    said = {name: (int(holding), int(all_)) for name, _, holding, all_ in _ROW.findall(README)}
    found = {}
    for path in RESULTS.glob("*/claims.json"):
        statuses = [claim["status"] for claim in json.loads(path.read_text())["claims"]]
        found[path.parent.name] = (statuses.count("holds"), len(statuses))
    assert said == found


def test_a_target_links_to_its_own_results() -> None:
    assert all(name == folder for name, folder, _, _ in _ROW.findall(README))
