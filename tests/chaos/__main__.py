"""`make chaos`: prove by killing that nothing is lost, nothing happens twice and nothing hangs."""

import json
import shutil
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from tests.chaos.arguments import Chosen, chosen
from tests.chaos.chaos_run import Outcome, run, scene
from tests.chaos.checker.evidence import Finding
from tests.chaos.checker.judgement import differences, findings
from tests.chaos.report import figures, write_evidence
from tests.e2e.system import ROOT

MOST_SHOWN: Final = 50


def main() -> int:
    """Run, judge, and say it."""
    wanted = chosen()
    results = wanted.results or ROOT / "build" / "chaos" / f"{wanted.seed}-{time.strftime('%Y%m%d-%H%M%S')}"
    results.mkdir(parents=True)
    print(f"seed {wanted.seed}; actions, webhooks and logs are kept in {results}", flush=True)
    found: list[Finding] = []
    with scene(wanted, results, name="chaos") as place:
        outcome = run(wanted, place, log=results / "actions.jsonl")
        found += said(chaos_findings(wanted, outcome))
        if found:
            write_evidence(results, outcome)
    if wanted.reference:
        found += said(reference_findings(wanted, outcome, results, source_port=place.source_port))
    return concluded(figures(wanted, outcome, found), found, results)


def chaos_findings(wanted: Chosen, outcome: Outcome) -> list[Finding]:
    """What is wrong with what the chaos left behind, and with the chaos itself."""
    found = findings(outcome.evidence)
    found += [Finding("replays", words) for words in outcome.other_answers]
    if outcome.images < wanted.images or outcome.done("kill") < wanted.kills:
        words = f"called off after {outcome.done('kill')} kills and {outcome.images} images"
        found.append(Finding("unfinished", words))
    return found


def reference_findings(wanted: Chosen, outcome: Outcome, results: Path, *, source_port: int) -> list[Finding]:
    """What an undisturbed run of the same input makes otherwise."""
    catalogues = 1 + max((catalogue.number for catalogue in outcome.evidence.accepted.values()), default=-1)
    with scene(wanted, results, name="reference", source_port=source_port) as place:
        reference = run(wanted, place, log=results / "no-actions.jsonl", catalogues=catalogues)
    found = [Finding("reference", f"{kind}: {words}") for kind, words in findings(reference.evidence)]
    return found + differences(outcome.evidence, reference.evidence)


def said(found: list[Finding]) -> list[Finding]:
    """Print the first findings and give back all."""
    for kind, words in found[:MOST_SHOWN]:
        print(f"{kind}: {words}", flush=True)
    return found


def concluded(report: Mapping[str, Any], found: list[Finding], results: Path) -> int:
    """Write down what was found; where all is right, the logs of the services go. Returns the exit code."""
    (results / "findings.txt").write_text("".join(f"{kind}: {words}\n" for kind, words in found), encoding="utf-8")
    (results / "figures.json").write_text(json.dumps(report, indent=1), encoding="utf-8")
    if not found:
        for logs in results.glob("*-logs"):
            shutil.rmtree(logs)
    print(json.dumps(report))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
