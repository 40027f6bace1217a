INSERT INTO ingest.requests (request_id, owner, request, accepted_at, notes)
VALUES ($1, $2, $3, $4, $5)
