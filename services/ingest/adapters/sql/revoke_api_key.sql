UPDATE ingest.api_keys SET revoked_at = coalesce(revoked_at, $2) WHERE key_id = $1 RETURNING key_id
