INSERT INTO ingest.requests (request_id, owner, request, accepted_at, notes, key_id)
VALUES ($1, $2, $3, $4, $5, $6)
