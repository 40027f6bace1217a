"""A CSV on its way in: bytes in pieces go in, findings and manifest chunks come out. Memory does not grow with it."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from services.ingest.domain.csv_dialect import Dialect, dialect_of
from services.ingest.domain.csv_rules import CsvRules
from services.ingest.domain.csv_text import UTF_8, TextDecoder, Unreadable
from services.ingest.domain.distinct_urls import DistinctUrls
from services.ingest.domain.earlier_outputs import EarlierOutputs, PictureKey
from services.ingest.domain.findings import Finding, FindingCode, Findings
from services.ingest.domain.header import Header, read_header
from services.ingest.domain.manifest import ManifestChunk, ManifestWriter
from services.ingest.domain.records import Record, RecordReader
from services.ingest.domain.rows import RowReader
from services.ingest.domain.url_cell import UrlProblem
from shared.request_files import CsvShape, Encoding

# The header is looked for in this much text, so that the delimiter can be told by it.
HEAD_CHARS: Final = 64 * 1024


class IntakeTerms(NamedTuple):
    """What holds for every CSV of a deployment. Without `picture_key` no earlier picture is carried over."""

    rules: CsvRules
    chunk_size: int
    max_images: int
    url_problem: UrlProblem
    picture_key: PictureKey | None = None


class CsvIntake:
    """Reads one CSV. After a finding that makes the rest unreadable it takes further pieces and ignores them.

    `renditions` are the names of those that the recipe makes.
    """

    def __init__(
        self, terms: IntakeTerms, *, encoding: Encoding, renditions: Sequence[str], count_distinct: bool = False
    ) -> None:
        self._terms = terms
        self._rules = terms.rules
        self._renditions = renditions
        self._decoder = TextDecoder(encoding)
        self._head: str | None = ""
        self._dialect: Dialect | None = None
        self._records: RecordReader | None = None
        self._header: Header | None = None
        self._row_reader: RowReader | None = None
        self._manifest = ManifestWriter(terms.chunk_size)
        self._distinct = DistinctUrls() if count_distinct else None
        self._stopped = False
        self.findings = Findings()
        self.rows = 0

    def is_refused(self, *, keep: bool) -> bool:
        """Whether the file cannot be taken; with `keep`, broken values are no reason as long as there is an image."""
        return self.findings.refuse(keep=keep) or (keep and self.images == 0)

    @property
    def images(self) -> int:
        return self._manifest.images

    @property
    def chunks(self) -> int:
        return self._manifest.chunks

    @property
    def carried_over(self) -> int:
        """How many images have an earlier output that is used again."""
        return self._manifest.carried_over

    @property
    def distinct_urls(self) -> int | None:
        """About how many distinct URLs there are; None unless they were to be counted."""
        return None if self._distinct is None else self._distinct.estimate()

    @property
    def encoding(self) -> Encoding:
        """The encoding that was found, or else the one that was named."""
        return self._decoder.encoding

    @property
    def bom(self) -> bool:
        return self._decoder.bom

    @property
    def dialect(self) -> Dialect | None:
        """Delimiter and line ending; None when nothing could be read."""
        return self._dialect

    def feed(self, data: bytes) -> list[ManifestChunk]:
        """Take the next piece; return the manifest chunks that it filled."""
        self._take(data, final=False)
        return self._manifest.take()

    def finish(self) -> list[ManifestChunk]:
        """There is no further piece. Return the last chunk; `findings` and `shape` are complete."""
        self._take(b"", final=True)
        if not self._stopped:
            self._judge_whole()
        return self._manifest.take(final=True)

    @property
    def shape(self) -> CsvShape:
        """How the file was written; known once a header was found."""
        assert self._header is not None
        assert self._dialect is not None
        return CsvShape(
            encoding=self.encoding,
            # The codec of UTF-16 writes the mark itself.
            bom=self.bom and self.encoding == UTF_8,
            delimiter=self._dialect.delimiter,
            line_ending=self._dialect.line_ending,
            columns=self._header.cells,
            serial_column=self._header.serial,
            name_column=self._header.name,
            urls_column=self._header.urls,
        )

    def _take(self, data: bytes, *, final: bool) -> None:
        if self._stopped:
            return
        text, problem = self._decoder.decode(data, final=final)
        self._read(text, final=final, whole_head=final or problem is not None)
        if problem is not None and not self._stopped:
            self._unreadable(problem)

    def _read(self, text: str, *, final: bool, whole_head: bool) -> None:
        if self._head is not None:
            self._head += text
            if len(self._head) < HEAD_CHARS and not whole_head:
                return
            text, self._head = self._head, None
            self._dialect = dialect_of(text, self._rules)
            self._records = RecordReader(self._dialect.delimiter, max_record_chars=self._rules.max_record_chars)
        assert self._records is not None
        for record in self._records.read(text, final=final):
            if self._row_reader is None or record.broken is not None:
                self._unusual_record(record)
            else:
                self._row(record, self._row_reader)
            if self._stopped:
                return

    def _unusual_record(self, record: Record) -> None:
        reader = self._row_reader
        if record.broken is not None:
            row = None if reader is None else self.rows + 1
            self.rows += reader is not None
            self.findings.add(Finding(row, record.line, None, record.broken.code, record.broken.message))
            self._stopped = record.broken.last or reader is None
        else:
            self._start_rows(record)

    def _start_rows(self, record: Record) -> None:
        self._header = read_header(record.cells, record.line, rules=self._rules, findings=self.findings)
        if self._header is None:
            self._stopped = True
            return
        if self._header.outputs:
            assert self._records is not None
            self._records.let_grow(self._header.outputs)
        self._row_reader = RowReader(
            self._header,
            rules=self._rules,
            findings=self.findings,
            url_problem=self._terms.url_problem,
            earlier=self._earlier_outputs(self._header),
        )

    def _earlier_outputs(self, header: Header) -> EarlierOutputs | None:
        if not header.outputs:
            return None
        columns = [name if place in header.outputs else "" for place, name in enumerate(header.cells)]
        picture_key = self._terms.picture_key or (lambda _url: None)
        return EarlierOutputs(columns, renditions=self._renditions, picture_key=picture_key)

    def _row(self, record: Record, reader: RowReader) -> None:
        self.rows += 1
        row = reader.row(self.rows, record.line, record.cells)
        if row is not None:
            self._manifest.add(row)
            if self._distinct is not None:
                for url in row.urls:
                    self._distinct.add(url)
        if self.rows > self._rules.max_rows:
            self._stop("too_many_rows", f"More than {self._rules.max_rows} rows. Split the file.", record.line)
        elif self._manifest.images > self._terms.max_images:
            most = self._terms.max_images
            self._stop("too_many_images", f"More than {most} images. Split the file.", record.line)

    def _unreadable(self, problem: Unreadable) -> None:
        assert self._records is not None
        self._stop(problem.code, problem.message, self._records.last_line)

    def _stop(self, code: FindingCode, message: str, line: int) -> None:
        row = None if self._row_reader is None else self.rows + (code in {"encoding", "nul_character"})
        self.findings.add(Finding(row, line, None, code, message))
        self._stopped = True

    def _judge_whole(self) -> None:
        if self._header is None:
            self._whole("empty_file", "The file is empty. It needs a header and at least one row.")
        elif self.rows == 0:
            self._whole("no_rows", "The file has a header and no rows.")
        elif self._manifest.images == 0 and self.findings.total == 0:
            self._whole("no_images", "No row has an image URL.")

    def _whole(self, code: FindingCode, message: str) -> None:
        self.findings.add(Finding(None, None, None, code, message))
