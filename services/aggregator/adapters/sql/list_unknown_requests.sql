-- Accepted, and not known here yet. What has ended is known.
SELECT accepted.request
FROM ingest.requests accepted
WHERE accepted.owner = $1 AND accepted.ended_at IS NULL
  AND (accepted.accepted_at, accepted.request_id::uuid) < ($2, $3::uuid)
  AND accepted.accepted_at <= $2 AND accepted.accepted_at >= $4
  AND NOT EXISTS (SELECT FROM aggregator.requests known WHERE known.request_id = accepted.request_id::uuid)
ORDER BY accepted.accepted_at DESC, accepted.request_id::uuid DESC
LIMIT $5
