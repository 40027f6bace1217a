UPDATE ingest.requests
SET ended_at = $2, end_state = $3
WHERE request_id = $1 AND ended_at IS NULL
RETURNING request_id
