-- The first `requests.assembled` event to come may publish, and may do so again until it is known to be published.
UPDATE aggregator.requests
SET completed_trigger = $2, completed_at = coalesce(completed_at, $3)
WHERE request_id = $1 AND published_at IS NULL AND (completed_trigger IS NULL OR completed_trigger = $2)
RETURNING *
