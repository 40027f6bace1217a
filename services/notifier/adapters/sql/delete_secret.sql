DELETE FROM notifier.webhook_secrets WHERE secret_id = $1 AND owner = $2
