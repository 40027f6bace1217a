SELECT requests.request, requests.notes, keys.fingerprint
FROM ingest.idempotency_keys AS keys
JOIN ingest.requests USING (request_id)
WHERE keys.owner = $1 AND keys.idempotency_key = $2
