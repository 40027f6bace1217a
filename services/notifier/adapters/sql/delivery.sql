SELECT *
FROM notifier.deliveries
WHERE delivery_id = $1
