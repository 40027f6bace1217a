INSERT INTO ingest.uploads (request_id, owner, idempotency_key, expires_at, lease)
VALUES ($1, $2, $3, $4, gen_random_uuid())
ON CONFLICT DO NOTHING
RETURNING lease
