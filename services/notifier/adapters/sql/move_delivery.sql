-- Only from where the step began: another record may have taken it meanwhile.
UPDATE notifier.deliveries
SET state = $4, attempts_made = $5, deferrals = $6, wishes = $7, next_attempt_at = $8, step_trigger = $9
WHERE delivery_id = $1 AND state = 'pending' AND attempts_made = $2 AND deferrals = $3
RETURNING *
