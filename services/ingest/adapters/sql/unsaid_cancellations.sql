SELECT request_id, owner
FROM ingest.requests
WHERE cancel_requested_at < $1 AND cancel_said_at IS NULL AND ended_at IS NULL
ORDER BY cancel_requested_at
LIMIT $2
