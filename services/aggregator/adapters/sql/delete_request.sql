DELETE FROM aggregator.requests WHERE request_id = $1
