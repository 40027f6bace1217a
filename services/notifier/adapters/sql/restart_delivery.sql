-- Nothing else is left of the schedule before; what begins it anew does so once.
UPDATE notifier.deliveries
SET state = 'pending', attempts_made = 0, deferrals = 0, wishes = 0, began_at = $3, next_attempt_at = $3,
    step_trigger = NULL, replay_trigger = $2
WHERE delivery_id = $1 AND state = ANY($4::text[]) AND replay_trigger IS DISTINCT FROM $2
