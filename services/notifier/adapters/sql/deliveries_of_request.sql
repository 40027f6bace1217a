SELECT *
FROM notifier.deliveries
WHERE request_id = $1
ORDER BY created_at, delivery_id
