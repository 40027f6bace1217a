INSERT INTO ingest.uploads (request_id, owner, expires_at)
VALUES ($1, $2, $3)
ON CONFLICT (request_id) DO UPDATE SET expires_at = excluded.expires_at
