"""One page that shows what came out: what failed first, then each picture before and after."""

from collections.abc import Sequence
from html import escape
from pathlib import Path
from string import Template
from typing import Final

from examples.demo_catalogue import Slot
from examples.demo_pictures import Pair
from pixelmill.display import size

ADVICE: Final = {
    "http_404": "The link is broken: correct it, then post failures.csv.",
    "unsupported_format": "The link leads to something that is no picture.",
    "blocked_address": "The stack may not fetch from there; see FETCH_ALLOW_NETWORKS.",
}
WORTH_PERCENT: Final = 1.0
_TEMPLATE: Final = Template((Path(__file__).parent / "demo_page.html").read_text("utf-8"))


def write_page(path: Path, failed: Sequence[Slot], pairs: Sequence[Pair]) -> None:
    """Write the page; its pictures are named relative to it."""
    before, after = totals(pairs)
    page = _TEMPLATE.substitute(
        failed_count=len(failed),
        total=len(failed) + len(pairs),
        succeeded_count=len(pairs),
        before=size(before),
        after=size(after),
        saved=f"{100 * (1 - after / before):.1f}" if before else "0.0",
        failures="\n".join(_failure(slot) for slot in failed),
        pictures="\n".join(_figure(pair, path.parent) for pair in pairs),
    )
    path.write_text(page, "utf-8")


def totals(pairs: Sequence[Pair]) -> tuple[int, int]:
    """Bytes before and after."""
    return sum(pair.bytes_before for pair in pairs), sum(pair.bytes_after for pair in pairs)


def _failure(slot: Slot) -> str:
    return (
        f'<li><code class="code">{escape(slot.status)}</code><div><b>Row {slot.row}: {escape(slot.product)}</b>'
        f"<p>{escape(ADVICE.get(slot.status, 'See the list of codes.'))}</p>"
        f"<p class=url>{escape(slot.source_url)}</p></div></li>"
    )


def _figure(pair: Pair, folder: Path) -> str:
    note = "<p>Stored on its side with an EXIF note; now the pixels stand upright.</p>" if pair.was_sideways else ""
    worth = "saved" if pair.saved_percent >= WORTH_PERCENT else "saved little"
    return (
        f"<article><h3><span>Row {pair.slot.row}</span> {escape(pair.slot.product)}</h3><div class=pair>"
        f"{_picture(pair.before, folder, 'before', pair.bytes_before)}"
        f"{_picture(pair.after, folder, 'after', pair.bytes_after)}"
        f'</div><div class="{worth}">{note}<p><b>{pair.saved_percent:.1f} %</b> saved</p></div></article>'
    )


def _picture(file: Path, folder: Path, label: str, count: int) -> str:
    source = escape(file.relative_to(folder).as_posix())
    return (
        f'<figure class={label}><a href="{source}"><img src="{source}" alt="{label}" loading=lazy></a>'
        f"<figcaption>{label} <span>{size(count)} {file.suffix[1:].upper()}</span></figcaption></figure>"
    )
