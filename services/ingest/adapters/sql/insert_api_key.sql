INSERT INTO ingest.api_keys (key_id, owner, name, digest, created_at, quotas) VALUES ($1, $2, $3, $4, $5, $6)
