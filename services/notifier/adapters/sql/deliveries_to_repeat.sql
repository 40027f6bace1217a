SELECT delivery_id, request_id, url, count(*) OVER () AS total
FROM notifier.deliveries
WHERE owner = $1 AND created_at >= $2 AND created_at < $3 AND state = ANY($4::text[])
    AND ($5::uuid IS NULL OR request_id = $5)
    AND ($6::uuid IS NULL
        OR (created_at, delivery_id) > (SELECT created_at, delivery_id FROM notifier.deliveries WHERE delivery_id = $6))
ORDER BY created_at, delivery_id
LIMIT $7
