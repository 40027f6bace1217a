-- Whether it may be there at all: what was deleted is not restored.
WITH standing AS (
    SELECT NOT EXISTS (SELECT FROM ingest.deleted_requests WHERE request_id = $1) AS may_be
), restored AS (
    INSERT INTO ingest.requests (request_id, owner, request, accepted_at, announced_at)
    SELECT $1, $2, $3::jsonb, $4::timestamptz, $4::timestamptz FROM standing WHERE may_be
    ON CONFLICT (request_id) DO NOTHING
)
SELECT may_be FROM standing
