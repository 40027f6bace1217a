SELECT owner, digest FROM ingest.api_keys WHERE key_id = $1 AND revoked_at IS NULL
