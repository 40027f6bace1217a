INSERT INTO ingest.released_chunks (request_id, chunk, trigger)
SELECT requests.request_id, due.chunk, $3
FROM ingest.requests
CROSS JOIN unnest($2::integer[]) AS due (chunk)
WHERE requests.request_id = $1 AND requests.ended_at IS NULL AND requests.cancel_requested_at IS NULL
ON CONFLICT (request_id, chunk) DO UPDATE
    SET trigger = excluded.trigger
    WHERE released_chunks.trigger = excluded.trigger
RETURNING chunk
