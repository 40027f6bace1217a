"""The claims that make it safe to put this on the internet, and the tests that show each of them.

A test names the lines that it shows: `@pytest.mark.checklist("I1", "I2")`. The marks are read without running
anything, so they stand as literals right above test functions.
"""

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

CLAIMS: Final[Mapping[str, str]] = {
    "I1": "A body over the limit is refused with 413, with and without a length, and is never stored beyond it",
    "I2": "An upload that trickles is cut after a set time",
    "I3": "A second file, or a field that nobody knows, is refused",
    "I4": "Encodings are taken or refused as documented; a wrong byte or NUL is named with its row and the option",
    "I5": "Quotes that do not end, text behind a quote and rows of wrong length are named by row, line and column",
    "I6": "Rows, columns, the size of a record, URLs in a row and the length of URLs and names each have a limit",
    "I7": "Columns are found whatever their case and blanks; missing, doubled and unknown ones are named",
    "I8": "Serial numbers that are doubled, empty or no numbers are named with both rows, also behind quoted newlines",
    "I9": "One answer lists all errors, cut at 1,000 with the total; what strangers wrote in it is cut and escaped",
    "I10": "Memory stays flat for the largest CSV that is taken",
    "I11": "Sources and callbacks pass one gate: scheme, port, host, no user, no forbidden address, no controls",
    "I12": "An idempotency key gives the same answer again and refuses other content; owners do not meet",
    "I13": "Accepted is what Postgres committed; a crash loses no announcement and accepts nothing twice",
    "I14": "Each API key has quotas of requests, rows, bytes and requests in flight",
    "I15": "Without Postgres or S3 nothing is accepted (503); without Kafka it is, and it starts later",
    "P1": "Every address of a list of forbidden networks is refused, by whatever name or spelling",
    "P2": "A name with public and private addresses is refused whole",
    "P3": "A name is looked up once for a connection, and the socket goes to the address that was checked",
    "P4": "TLS, SNI and Host keep the host's name; a certificate of another name is refused",
    "P5": "A few redirects are followed, each through the whole gate; loops and steps from https to http end",
    "P6": "Proxies that the environment names are not used",
    "P7": "No cookie and no credential is ever sent to a source",
    "P8": "A total deadline ends servers that trickle, and look-ups that hang, without harm to others",
    "P9": "Bytes are counted whatever the length says; encodings of the content are refused",
    "P10": "Bodies of error answers are limited, too",
    "P11": "Only JPEG, PNG, WebP and GIF are decoded, whatever a server calls the bytes",
    "P12": "Pictures with too many pixels or too long sides are refused before they are unpacked",
    "P13": "A picture that takes too long to decode is stopped while its neighbour comes out",
    "P14": "A picture that kills or fills its decoder fails alone, and finds nothing there to take",
    "P15": "All eight orientations of EXIF are applied",
    "P16": "Nothing of the source survives but its pixels; colours are converted to sRGB",
    "P17": "Alpha, palettes, CMYK and 16 bits keep their looks",
    "P18": "Of a moving picture the first frame is taken",
    "P19": "What comes out opens again with its size and format, and is never the source's own bytes",
    "P20": "An image has one object key: working on it again replaces, and leaves nothing behind",
    "P21": "Errors are sorted into those to be tried again, those that are final, and those that are our own fault",
    "P22": "One bad image fails alone",
    "P23": "A source host meets a limited number of connections at once",
    "A1": "Results that come twice or out of order count once; a request ends exactly once",
    "A2": "Rows and images of the output stand in the order of the input",
    "A3": "A failed image keeps its place, its status says why, and the counts add up",
    "A4": "Cells that a spreadsheet would run are made harmless on export alone, and come back as they were",
    "A5": "The output is a CSV that strict readers take",
    "A6": "Picture URLs last: signed, good from outside, 403 when changed, 410 once deleted",
    "A7": "A request that is past its deadline is ended with what there is",
    "A8": "Pictures are served with their own type and `nosniff`, and no bucket can be listed",
    "N1": "Webhooks are signed as Standard Webhooks says; an independent library verifies them",
    "N2": "What is sent is what was signed; the id stays over all attempts, the time is each attempt's own",
    "N3": "While a secret is rotated there are two signatures, afterwards one",
    "N4": "Secrets are long, told once and never logged",
    "N5": "A callback passes the gate when it is given and at each attempt; redirects are not followed",
    "N6": "Only 2xx is a success",
    "N7": "410 turns an endpoint off",
    "N8": "`Retry-After` is kept to within bounds; nonsense in it is ignored",
    "N9": "Attempts follow a schedule with jitter; a dead endpoint delays no other",
    "N10": "An attempt has a total timeout, and little of the answer is read",
    "N11": "Every attempt is on record, with what came back",
    "N12": "What nobody took is a dead letter, and can be delivered again by hand",
    "N13": "An endpoint that fails for five days is turned off, and says so",
    "N14": "A crash between sending and noting sends again, under the same id",
    "N15": "A webhook is small and says what, when, which request, how many, and where the result is",
    "N16": "No error text and no log names an address of ours, a trace, a secret or what belongs to another owner",
    "D1": "Whoever fetches or calls back reaches no metadata address; processors do not reach Postgres",
    "D2": "MinIO does not come from an abandoned registry",
    "D3": "Dependencies are pinned by hash, and none is older than its last known hole",
    "D4": "Containers are not root, read-only, limited and without capabilities",
    "D5": "Processors have an S3 account for pictures alone, without listing and deletion",
}
MARK: Final = ("pytest", "mark", "checklist")
BEGIN: Final = "<!-- checklist: written by `make docs` -->"
END: Final = "<!-- end of checklist -->"


class UnreadableMark(ValueError):
    """A checklist mark has to stand above a test function, with literal lines."""


@dataclass(frozen=True, slots=True, order=True)
class Shown:
    """A test, by the path of its file below the project's root and by its name, and a line that it shows."""

    line: str
    path: str
    test: str


def shown_by_tests(root: Path) -> list[Shown]:
    """All marks in `tests/`, in order."""
    files = sorted((root / "tests").rglob("test_*.py"))
    return sorted(found for file in files for found in _marks_of(file, str(file.relative_to(root))))


def _marks_of(file: Path, path: str) -> Iterator[Shown]:
    text = file.read_text("utf-8")
    if MARK[-1] not in text:
        return
    tree = ast.parse(text)
    decorators = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            decorators.update({id(decorator): (decorator, node) for decorator in node.decorator_list})
    for decorator, function in decorators.values():
        if isinstance(decorator, ast.Call) and _dotted(decorator.func) == MARK:
            yield from (Shown(line, path, function.name) for line in _lines(decorator, path))
    loose = sum(isinstance(node, ast.Attribute) and _dotted(node) == MARK for node in ast.walk(tree))
    above = sum(isinstance(call, ast.Call) and _dotted(call.func) == MARK for call, _ in decorators.values())
    if loose != above:
        raise UnreadableMark(f"{path} has a checklist mark that is not right above a function")


def _lines(mark: ast.Call, path: str) -> Iterator[str]:
    if not mark.args or mark.keywords:
        raise UnreadableMark(f"{path}:{mark.lineno} names no line of the checklist")
    for argument in mark.args:
        if not isinstance(argument, ast.Constant) or not isinstance(argument.value, str):
            raise UnreadableMark(f"{path}:{mark.lineno} does not name its lines literally")
        yield argument.value


def _dotted(node: ast.expr) -> tuple[str, ...]:
    if isinstance(node, ast.Attribute):
        return (*_dotted(node.value), node.attr)
    return (node.id,) if isinstance(node, ast.Name) else ()


def with_checklist(text: str, root: Path) -> str:
    """Replace what stands between the two markers of `text` by the current table."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{checklist_table(shown_by_tests(root))}\n{END}{after}"


def checklist_table(shown: list[Shown]) -> str:
    """One row a line: the claim, and the files with the tests that show it, each with how many."""
    rows = ["| | claim | shown by |", "|---|---|---|"]
    for line, claim in CLAIMS.items():
        files: dict[str, int] = {}
        for each in shown:
            if each.line == line:
                files[each.path] = files.get(each.path, 0) + 1
        rows.append(f"| {line} | {claim} | {'<br>'.join(_cell(path, count) for path, count in files.items())} |")
    return "\n".join(rows)


def _cell(path: str, count: int) -> str:
    name = path.removeprefix("tests/").removesuffix(".py")
    return f"[{name}](../{path}) ({count})"
