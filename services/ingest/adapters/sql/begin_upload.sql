INSERT INTO ingest.uploads (request_id, owner, idempotency_key, expires_at)
VALUES ($1, $2, $3, $4)
ON CONFLICT DO NOTHING
RETURNING request_id
