"""How dead letters look on a terminal: groups first, and what was refused before what was done."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

from rich.markup import escape

from pixelmill.dead_letter_answers import DeadLetter, DeadLetters, LetterGroup, Replayed, ReplayItem
from pixelmill.display import ranked, remarks, results

SHOWN_TEXT: Final = 160
SHOWN_REFUSALS: Final = 20
DONE: Final = frozenset({"replayed", "would_replay"})
_ACTIONS: Final[Mapping[str, str]] = {
    "retry_request": "requests to retry",
    "deliver_again": "webhooks to deliver again",
    "append_again": "records to write to their topics again",
}


def show_letters(letters: DeadLetters) -> None:
    """Print groups, then letters with origin and payload."""
    out = results()
    if not letters.groups:
        out.print("There is no such dead letter.")
        return
    out.print(f"{'KIND':<12}  {'CODE':<20}  {'LETTERS':>8}  {'REPLAYED':>8}  NEWEST")
    for group in letters.groups:
        out.print(_group_line(group))
    for letter in letters.items:
        out.print()
        for line in _letter_lines(letter):
            out.print(line)
    if letters.next_cursor is not None:
        out.print("\nThere are more; --limit shows them.")


def show_replay(replayed: Replayed) -> None:
    """Print what became of the letters, or would."""
    out = results()
    undone = [item for item in replayed.items if item.outcome not in DONE]
    if undone:
        out.print(f"[bold red]NOT REPLAYED[/] {escape(ranked(Counter(item.code or item.outcome for item in undone)))}")
        for item in undone[:SHOWN_REFUSALS]:
            out.print(f"  {escape(item.id)}: {escape(one_line(item.detail or item.outcome))}")
        if len(undone) > SHOWN_REFUSALS:
            out.print(f"  {SHOWN_REFUSALS} of {len(undone)} are shown; --json gives all.")
    if replayed.stopped is not None:
        remarks().print(f"[bold red]STOPPED[/] {escape(replayed.stopped)}")
    verb = "Would replay" if replayed.dry_run else "Replayed"
    out.print(f"{verb} {done_in_words(replayed.items)}.")
    left = replayed.fitting - len(replayed.items)
    if left > 0 and replayed.next_cursor is not None:
        out.print(f"{left} more letters fit.")


def done_in_words(items: Sequence[ReplayItem]) -> str:
    """`3 dead letters: 1 requests to retry, 2 webhooks to deliver again`."""
    done = [item for item in items if item.outcome in DONE]
    targets = {(item.action, item.target if item.action != "append_again" else item.id) for item in done}
    counts = Counter(action for action, _ in targets if action is not None)
    said = ", ".join(f"{count} {_ACTIONS.get(action, action)}" for action, count in sorted(counts.items()))
    return f"{len(done)} dead letters" + (f": {said}" if said else "")


def one_line(text: str) -> str:
    """Text that strangers wrote, so that it moves no cursor and fills no screen."""
    shown = "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text[:SHOWN_TEXT])
    return shown + ("…" if len(text) > SHOWN_TEXT else "")


def _group_line(group: LetterGroup) -> str:
    open_ones = group.count - group.replayed
    colour = "red" if open_ones else "default"
    return (
        f"{group.kind:<12}  [{colour}]{escape(one_line(group.code)):<20}[/]  {group.count:>8}  {group.replayed:>8}  "
        f"{escape(group.newest_at)}"
    )


def _letter_lines(letter: DeadLetter) -> list[str]:
    code, message = escape(one_line(letter.code)), escape(one_line(letter.message))
    lines = [f"[bold]{escape(letter.id)}[/]  {letter.kind}  [red]{code}[/]  {message}"]
    if letter.request_id is not None:
        lines.append(f"  request {escape(letter.request_id)}")
    origin = letter.origin
    place = "unknown" if origin is None else f"{one_line(origin.topic)}/{_or_unknown(origin.partition)}/"
    lines.append(f"  at {escape(letter.at)} from {escape(place)}{'' if origin is None else _or_unknown(origin.offset)}")
    if letter.replayed_at is not None:
        lines.append(f"  replayed at {escape(letter.replayed_at)}")
    if letter.lacks is not None:
        lines.append(f"  [red]cut[/], had bytes: {escape(one_line(letter.lacks))}")
    form = " in base64" if letter.payload.base64 else ""
    lines.append(f"  {letter.payload.bytes} bytes{form}: {escape(one_line(letter.payload.text))}")
    return lines


def _or_unknown(number: int | None) -> str:
    return "?" if number is None else str(number)
