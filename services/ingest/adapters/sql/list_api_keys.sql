SELECT key_id, owner, name, created_at, revoked_at, quotas
FROM ingest.api_keys
WHERE $1::text IS NULL OR owner = $1
ORDER BY created_at DESC, key_id
