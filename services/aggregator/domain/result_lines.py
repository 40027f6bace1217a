"""results.jsonl: what became of each image, one line an image in order of `index`, as a retry needs it."""

from json.encoder import encode_basestring_ascii as _quoted

from services.aggregator.domain.merged_rows import ImageOutcome


def result_line(outcome: ImageOutcome) -> str:
    """The JSON of one result: its index, its outcome, and the key of each rendition by the rendition's name."""
    # By hand: a million of them are written beside the CSVs.
    keys = ",".join(f"{_quoted(name)}:{_quoted(key)}" for name, key in outcome.keys.items())
    return f'{{"index":{outcome.index},"outcome":"{outcome.outcome}","keys":{{{keys}}}}}\n'
