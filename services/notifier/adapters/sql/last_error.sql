SELECT error_code, error_message
FROM notifier.attempts
WHERE delivery_id = $1 AND error_code IS NOT NULL
ORDER BY n DESC
LIMIT 1
