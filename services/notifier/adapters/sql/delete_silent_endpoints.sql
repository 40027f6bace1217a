-- A few at a time, and none that an attempt holds: nobody waits for another.
DELETE FROM notifier.endpoints
WHERE endpoint_id IN (
    SELECT endpoint_id
    FROM notifier.endpoints
    WHERE disabled_at IS NULL AND last_failed_at < $1
    ORDER BY last_failed_at
    LIMIT 10
    FOR UPDATE SKIP LOCKED
)
