-- Accepted a while ago, and not known here.
SELECT accepted.request
FROM ingest.requests accepted
WHERE accepted.ended_at IS NULL AND accepted.deleted_at IS NULL
  AND accepted.accepted_at <= $1 AND (accepted.accepted_at, accepted.request_id) > ($2, $3)
  AND NOT EXISTS (SELECT FROM aggregator.requests known WHERE known.request_id = accepted.request_id::uuid)
ORDER BY accepted.accepted_at, accepted.request_id
LIMIT $4
