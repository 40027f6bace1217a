"""`make chaos`: prove by killing that nothing is lost, nothing happens twice and nothing hangs."""

import json
import shutil
import sys
import time
from pathlib import Path
from typing import Final

from tests.chaos.arguments import Chosen, chosen
from tests.chaos.chaos_run import Outcome, run, scene
from tests.chaos.checker.evidence import Finding
from tests.chaos.checker.judgement import differences, findings
from tests.chaos.report import figures
from tests.e2e.system import ROOT

MOST_SHOWN: Final = 50


def main() -> int:
    """Run, judge, and say it."""
    wanted = chosen()
    results = wanted.results or ROOT / "build" / "chaos" / f"{wanted.seed}-{time.strftime('%Y%m%d-%H%M%S')}"
    results.mkdir(parents=True)
    print(f"seed {wanted.seed}; actions, webhooks and logs are kept in {results}", flush=True)
    outcome, found = judged(wanted, results)
    report = figures(wanted, outcome, found)
    (results / "findings.txt").write_text("".join(f"{kind}: {words}\n" for kind, words in found), encoding="utf-8")
    (results / "figures.json").write_text(json.dumps(report, indent=1), encoding="utf-8")
    for kind, words in found[:MOST_SHOWN]:
        print(f"{kind}: {words}")
    if not found:
        for logs in results.glob("*-logs"):
            shutil.rmtree(logs)
    print(json.dumps(report))
    return 1 if found else 0


def judged(wanted: Chosen, results: Path) -> tuple[Outcome, list[Finding]]:
    """The chaos, and what is wrong with what it left behind."""
    with scene(wanted, results, name="chaos") as place:
        source_port = place.source_port
        outcome = run(wanted, place, log=results / "actions.jsonl")
    found = findings(outcome.evidence)
    if wanted.reference:
        catalogues = 1 + max(catalogue.number for catalogue in outcome.evidence.accepted.values())
        with scene(wanted, results, name="reference", source_port=source_port) as place:
            reference = run(wanted, place, log=results / "no-actions.jsonl", catalogues=catalogues)
        found += [Finding("reference", f"{kind}: {words}") for kind, words in findings(reference.evidence)]
        found += differences(outcome.evidence, reference.evidence)
    return outcome, found


if __name__ == "__main__":
    sys.exit(main())
