-- An hour that has begun for one process is not left by another whose clock is late.
UPDATE ingest.api_keys
SET usage_hour = greatest(usage_hour, $2),
    used_requests = CASE WHEN usage_hour >= $2 THEN used_requests ELSE 0 END + $3,
    used_rows = CASE WHEN usage_hour >= $2 THEN used_rows ELSE 0 END + $4,
    used_bytes = CASE WHEN usage_hour >= $2 THEN used_bytes ELSE 0 END + $5
WHERE key_id = $1
RETURNING quotas, usage_hour, used_requests, used_rows, used_bytes
