UPDATE aggregator.dead_letters
SET replayed_at = $3, replays = replays + 1
WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM aggregator.dead_letters WHERE topic = $1 AND subject = $2 AND replayed_at IS NULL LIMIT $4))
