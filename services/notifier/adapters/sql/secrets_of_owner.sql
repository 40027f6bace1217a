SELECT *
FROM notifier.webhook_secrets
WHERE owner = $1 AND (expires_at IS NULL OR expires_at > $2)
ORDER BY created_at DESC, secret_id
