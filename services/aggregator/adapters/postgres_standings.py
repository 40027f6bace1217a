"""What became of the images of running requests so far, counted by Postgres."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from services.aggregator.domain.completion import Standing, TallyLine, tally_of
from shared.ids import RequestId
from shared.postgres import Database, load_queries

HOSTS_SHOWN = 100
_SQL = load_queries("services.aggregator.adapters.sql")


class PostgresStandings:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def standings(self, request_ids: Sequence[RequestId]) -> Mapping[RequestId, Standing]:
        """The standing of each request; of one without results too."""
        async with self._database.connection() as connection:
            counts = await connection.fetch(_SQL["standings"], list(request_ids))
            failing = await connection.fetch(_SQL["failing_hosts"], list(request_ids), HOSTS_SHOWN)
        lines: defaultdict[str, list[TallyLine]] = defaultdict(list)
        for row in counts:
            line = TallyLine(row["outcome"], row["error_code"], row["images"], row["bytes_in"], row["bytes_out"])
            lines[str(row["request_id"])].append(line)
        hosts: defaultdict[str, dict[str, int]] = defaultdict(dict)
        for row in failing:
            hosts[str(row["request_id"])][row["host"]] = row["images"]
        return {each: Standing(tally_of(lines[each]), hosts[each]) for each in request_ids}
