SELECT delivery_id, n, at, "trigger", duration_ms, status, error_code, error_message, response, next_attempt_at
FROM notifier.attempts
WHERE delivery_id = ANY($1::uuid[])
ORDER BY delivery_id, n
