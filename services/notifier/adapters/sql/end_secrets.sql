-- None lives longer for it.
UPDATE notifier.webhook_secrets SET expires_at = least(expires_at, $2) WHERE owner = $1
