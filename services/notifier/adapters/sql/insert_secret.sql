INSERT INTO notifier.webhook_secrets (secret_id, owner, created_at, earlier_until)
VALUES ($1, $2, $3, $4)
