"""The figures of a run, as one line of JSON."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tests.chaos.arguments import Chosen
from tests.chaos.chaos_run import Outcome
from tests.chaos.checker.evidence import Finding
from tests.chaos.checker.gathering import all_shapes


def figures(chosen: Chosen, outcome: Outcome, found: Sequence[Finding]) -> Mapping[str, Any]:
    """What was done and what came of it; the counts of findings are by kind."""
    accepted, wrong = outcome.evidence.accepted, Counter(finding.kind for finding in found)
    return {
        "seed": chosen.seed,
        "images": outcome.images,
        "requests": len(accepted),
        "failing_images": sum(catalogue.failures.total() for catalogue in accepted.values()),
        "kills": outcome.done("kill"),
        "by_deed": _tally((deed, count) for (deed, _), count in outcome.kills.items()),
        "by_victim": _tally((victim, count) for (_, victim), count in outcome.kills.items()),
        "kills_by_victim": _tally((victim, count) for (deed, victim), count in outcome.kills.items() if deed == "kill"),
        "own_exits": dict(sorted(outcome.own_exits.items())),
        "chaos_seconds": round(outcome.chaos_seconds, 1),
        "seconds": round(outcome.seconds, 1),
        "submissions_repeated": dict(outcome.repeats),
        "webhooks": len(outcome.evidence.calls),
        "objects_decoded": all_shapes(outcome.evidence),
        "compared_with_reference": chosen.reference,
        "lost": wrong["lost"],
        "doubled": wrong["doubled"],
        "hanging": wrong["hanging"],
        "differences": wrong["differences"],
        "wrong": dict(sorted(wrong.items())),
    }


def _tally(counts: Iterable[tuple[str, int]]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for name, count in counts:
        total[name] += count
    return dict(sorted(total.items()))


def write_evidence(results: Path, outcome: Outcome) -> None:
    """Keep what helps to understand findings: which request is which, and what was said of it where."""
    evidence = outcome.evidence
    told = {
        "requests": {request_id: catalogue.number for request_id, catalogue in evidence.accepted.items()},
        "completions": list(evidence.completions),
        "statuses": dict(evidence.statuses),
        "recorded": {request_id: counts._asdict() for request_id, counts in evidence.recorded.items()},
        "deliveries": dict(evidence.deliveries),
        "lags": [asdict(lag) for lag in evidence.lags if lag.records],
    }
    (results / "evidence.json").write_text(json.dumps(told, indent=1), encoding="utf-8")
    outputs = results / "outputs"
    outputs.mkdir()
    for request_id, text in evidence.outputs.items():
        (outputs / f"{request_id}.csv").write_text(text, encoding="utf-8", newline="")
