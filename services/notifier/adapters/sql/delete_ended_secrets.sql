DELETE FROM notifier.webhook_secrets WHERE owner = $1 AND expires_at <= $2
