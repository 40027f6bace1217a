UPDATE ingest.requests
SET cancel_said_at = $2
WHERE request_id = ANY ($1::text[]) AND cancel_said_at IS NULL
