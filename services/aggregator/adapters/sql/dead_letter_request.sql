-- Who owns the request, and whether it has ended in the eyes of everybody. What is deleted, or about to be, is gone.
SELECT accepted.owner, known.published_at IS NOT NULL AND accepted.ended_at IS NOT NULL AS has_ended
FROM ingest.requests accepted
LEFT JOIN aggregator.requests known ON known.request_id = $1
WHERE accepted.request_id = $1::uuid::text AND accepted.deleted_at IS NULL
