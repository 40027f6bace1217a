-- The row as it is kept: the new one, or the one that was there.
WITH kept AS (
    INSERT INTO notifier.deliveries
        (delivery_id, request_id, owner, type, url, body, state, began_at, next_attempt_at, deferrals, step_trigger)
    VALUES ($1, $2, $3, $4, $5, $6, 'pending', $7, $8, $9, $10)
    ON CONFLICT (delivery_id) DO NOTHING
    RETURNING *
)
SELECT * FROM kept
UNION ALL
SELECT * FROM notifier.deliveries WHERE delivery_id = $1
