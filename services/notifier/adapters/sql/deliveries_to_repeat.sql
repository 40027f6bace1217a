SELECT delivery_id, request_id, url, created_at, count(*) OVER () AS total
FROM notifier.deliveries
WHERE owner = $1 AND created_at >= $2 AND created_at < $3 AND state = ANY($4::text[])
    AND ($5::uuid IS NULL OR request_id = $5)
    AND (created_at, delivery_id) > ($6, $7::uuid)
ORDER BY created_at, delivery_id
LIMIT $8
