-- The upload that held the key has lost its lease for good.
UPDATE ingest.uploads
SET idempotency_key = NULL, lease = NULL
WHERE owner = $1 AND idempotency_key = $2 AND expires_at < $3
