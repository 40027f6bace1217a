"""A CSV on its way in: bytes in pieces go in, findings and manifest chunks come out. Memory does not grow with it."""

from typing import Final

from services.ingest.domain.csv_dialect import Dialect, dialect_of
from services.ingest.domain.csv_rules import CsvRules
from services.ingest.domain.csv_text import TextDecoder, Unreadable
from services.ingest.domain.findings import Finding, FindingCode, Findings
from services.ingest.domain.manifest import ManifestChunk, ManifestWriter
from services.ingest.domain.records import Record, RecordReader
from services.ingest.domain.rows import Header, RowReader, read_header
from services.ingest.domain.url_cell import UrlProblem
from shared.request_files import CsvShape

# The header is looked for in this much text, so that the delimiter can be told by it.
HEAD_CHARS: Final = 64 * 1024


class CsvIntake:
    """Reads one CSV. After a finding that makes the rest unreadable it takes further pieces and ignores them."""

    def __init__(
        self, rules: CsvRules, *, encoding: str, chunk_size: int, max_images: int, url_problem: UrlProblem
    ) -> None:
        self._rules = rules
        self._url_problem = url_problem
        self._encoding = encoding
        self._max_images = max_images
        self._decoder = TextDecoder(encoding)
        self._head: str | None = ""
        self._dialect: Dialect | None = None
        self._records: RecordReader | None = None
        self._header: Header | None = None
        self._row_reader: RowReader | None = None
        self._manifest = ManifestWriter(chunk_size)
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
            encoding=self._encoding,
            bom=self._decoder.bom,
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
            self._records = RecordReader(self._dialect.delimiter)
        assert self._records is not None
        for record in self._records.read(text, final=final):
            self._record(record)
            if self._stopped:
                return

    def _record(self, record: Record) -> None:
        if record.broken is not None:
            row = None if self._row_reader is None else self.rows + 1
            self.rows += self._row_reader is not None
            self.findings.add(Finding(row, record.line, None, record.broken.code, record.broken.message))
            self._stopped = record.broken.last or self._row_reader is None
        elif self._row_reader is None:
            self._start_rows(record)
        else:
            self._row(record, self._row_reader)

    def _start_rows(self, record: Record) -> None:
        self._header = read_header(record.cells, record.line, rules=self._rules, findings=self.findings)
        if self._header is None:
            self._stopped = True
        else:
            self._row_reader = RowReader(
                self._header, rules=self._rules, findings=self.findings, url_problem=self._url_problem
            )

    def _row(self, record: Record, reader: RowReader) -> None:
        self.rows += 1
        row = reader.row(self.rows, record.line, record.cells)
        if row is not None:
            self._manifest.add(row)
        if self.rows > self._rules.max_rows:
            self._stop("too_many_rows", f"More than {self._rules.max_rows} rows. Split the file.", record.line)
        elif self._manifest.images > self._max_images:
            self._stop("too_many_images", f"More than {self._max_images} images. Split the file.", record.line)

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
