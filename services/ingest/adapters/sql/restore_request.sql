INSERT INTO ingest.requests (request_id, owner, request, accepted_at, announced_at)
VALUES ($1, $2, $3, $4, $4)
ON CONFLICT (request_id) DO NOTHING
