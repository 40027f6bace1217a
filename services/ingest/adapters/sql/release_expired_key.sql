UPDATE ingest.uploads
SET idempotency_key = NULL
WHERE owner = $1 AND idempotency_key = $2 AND expires_at < $3
