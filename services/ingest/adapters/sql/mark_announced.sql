UPDATE ingest.requests
SET announced_at = $2
WHERE request_id = ANY ($1::text[]) AND announced_at IS NULL
