-- An upload becomes a request, unless its lease was lost.
WITH ended AS (
    DELETE FROM ingest.uploads WHERE request_id = $1 AND lease = $2 RETURNING request_id
)
INSERT INTO ingest.requests (request_id, owner, request, accepted_at, notes, key_id)
SELECT request_id, $3::text, $4::jsonb, $5::timestamptz, $6::jsonb, $7::text FROM ended
RETURNING request_id
