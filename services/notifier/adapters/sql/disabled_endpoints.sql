SELECT endpoint_id
FROM notifier.endpoints
WHERE endpoint_id = ANY($1::uuid[]) AND disabled_at IS NOT NULL
