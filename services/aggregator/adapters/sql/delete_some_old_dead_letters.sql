DELETE FROM aggregator.dead_letters
WHERE ctid = ANY (ARRAY(SELECT ctid FROM aggregator.dead_letters WHERE topic = $1 AND at < $2 LIMIT $3))
