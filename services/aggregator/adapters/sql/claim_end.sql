-- The first claim wins; the event that made it may make it again.
UPDATE aggregator.requests
SET end_state = coalesce(end_state, $2), end_trigger = $3, ended_at = coalesce(ended_at, $4)
WHERE request_id = $1 AND (end_trigger IS NULL OR end_trigger = $3)
RETURNING end_state
