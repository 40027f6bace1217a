INSERT INTO ingest.uploads (request_id, owner, idempotency_key, expires_at, key_id, lease)
VALUES ($1, $2, $3, $4, $5, gen_random_uuid())
ON CONFLICT DO NOTHING
RETURNING lease
