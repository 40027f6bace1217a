SELECT count(*) FROM aggregator.recorded_chunks WHERE request_id = $1
