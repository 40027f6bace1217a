INSERT INTO notifier.attempts
    (delivery_id, n, at, "trigger", duration_ms, status, error_code, error_message, response, next_attempt_at)
SELECT $1, coalesce(max(n), 0) + 1, $2, $3, $4, $5, $6, $7, $8, $9
FROM notifier.attempts
WHERE delivery_id = $1
