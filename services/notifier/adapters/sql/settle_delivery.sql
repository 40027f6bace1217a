UPDATE notifier.deliveries
SET state = 'delivered', next_attempt_at = NULL, delivered_at = coalesce(delivered_at, $2)
WHERE delivery_id = $1
