"""The errors of a CSV as a CSV, for those who mend it in a spreadsheet."""

import csv
import io

from fastapi.responses import Response

from services.ingest.domain.findings import Finding, Findings
from shared.formula_cells import neutralised


def errors_csv(findings: Findings) -> Response:
    """Status 422, one line for each listed error; `Errors-Total` says how many there are in all."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(Finding._fields)
    writer.writerows([_cell(value) for value in finding] for finding in findings.listed)
    headers = {"Errors-Total": str(findings.total), "Content-Disposition": 'attachment; filename="errors.csv"'}
    body = text.getvalue().encode("utf-8-sig", "backslashreplace")
    return Response(body, 422, headers, media_type="text/csv; charset=utf-8")


def _cell(value: object) -> str:
    """A spreadsheet must not run what stands in somebody's file."""
    return "" if value is None else neutralised(str(value))
