INSERT INTO ingest.idempotency_keys (owner, idempotency_key, request_id, fingerprint)
VALUES ($1, $2, $3, $4)
ON CONFLICT DO NOTHING
RETURNING request_id
