-- Until the end of the transaction, nobody else makes a secret for this owner.
SELECT pg_advisory_xact_lock(hashtextextended('notifier.webhook_secrets', hashtext($1)))
