-- The newest of each delivery.
SELECT listed.*
FROM unnest($1::uuid[]) AS wanted (delivery_id)
CROSS JOIN LATERAL (
    SELECT delivery_id, n, at, "trigger", duration_ms, status, error_code, error_message, response, next_attempt_at
    FROM notifier.attempts
    WHERE attempts.delivery_id = wanted.delivery_id
    ORDER BY n DESC
    LIMIT $2
) AS listed
ORDER BY listed.delivery_id, listed.n
