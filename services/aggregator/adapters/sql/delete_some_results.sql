DELETE FROM aggregator.results
WHERE ctid = ANY (ARRAY(SELECT ctid FROM aggregator.results WHERE request_id = $1 LIMIT $2))
