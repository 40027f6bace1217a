"""The figures of a run, as one line of JSON."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
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
        "images": sum(catalogue.images for catalogue in accepted.values()),
        "requests": len(accepted),
        "failing_images": sum(catalogue.failures.total() for catalogue in accepted.values()),
        "kills": _sum(outcome.kills, deeds={"kill"}),
        "restarts": _sum(outcome.kills, deeds={"restart"}),
        "pauses": _sum(outcome.kills, deeds={"pause", "long pause"}),
        "by_deed": _tally((deed, count) for (deed, _), count in outcome.kills.items()),
        "by_victim": _tally((victim, count) for (_, victim), count in outcome.kills.items()),
        "kills_by_victim": _tally((victim, count) for (deed, victim), count in outcome.kills.items() if deed == "kill"),
        "chaos_seconds": round(outcome.chaos_seconds, 1),
        "seconds": round(outcome.seconds, 1),
        "submissions_repeated": outcome.repeats,
        "webhooks": len(outcome.evidence.calls),
        "objects_decoded": all_shapes(outcome.evidence),
        "compared_with_reference": chosen.reference,
        "lost": wrong["lost"],
        "doubled": wrong["doubled"],
        "hanging": wrong["hanging"],
        "differences": wrong["differences"],
        "wrong": dict(sorted(wrong.items())),
    }


def _sum(counts: Mapping[tuple[str, str], int], *, deeds: set[str]) -> int:
    return sum(count for (deed, _), count in counts.items() if deed in deeds)


def _tally(counts: Iterable[tuple[str, int]]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for name, count in counts:
        total[name] += count
    return dict(sorted(total.items()))
