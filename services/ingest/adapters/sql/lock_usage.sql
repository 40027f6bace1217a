-- Whoever begins or accepts something for this key waits until the transaction ends.
SELECT quotas, usage_hour, used_requests, used_rows, used_bytes
FROM ingest.api_keys
WHERE key_id = $1
FOR NO KEY UPDATE
