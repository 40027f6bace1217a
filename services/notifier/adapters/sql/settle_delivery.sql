UPDATE notifier.deliveries
SET state = $2, delivered_at = CASE WHEN $2 = 'delivered' THEN coalesce(delivered_at, $3) END
WHERE delivery_id = $1
