SELECT delivery_id, request_id, owner, type, url, body, state, created_at, delivered_at
FROM notifier.deliveries
WHERE delivery_id = $1
