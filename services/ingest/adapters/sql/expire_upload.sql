UPDATE ingest.uploads
SET expires_at = '-infinity', idempotency_key = NULL
WHERE request_id = $1
