INSERT INTO notifier.deliveries (delivery_id, request_id, owner, type, url, body, state, began_at, next_attempt_at)
VALUES ($1, $2, $3, $4, $5, $6, 'pending', $7, $7)
ON CONFLICT (delivery_id) DO NOTHING
