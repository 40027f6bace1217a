-- Only one's own: one that took too long may have been followed.
UPDATE notifier.redelivery_turns SET busy_until = $3 WHERE owner = $1 AND busy_until = $2
