SELECT delivery_id, request_id, owner, type, url, body, state, created_at, delivered_at
FROM notifier.deliveries
WHERE request_id = $1
ORDER BY created_at, delivery_id
