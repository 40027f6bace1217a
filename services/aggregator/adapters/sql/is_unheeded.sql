-- Whether something is left to do about a complete chunk: to record it, or to reach the end that it was the last for.
SELECT NOT EXISTS (SELECT FROM aggregator.recorded_chunks recorded
                   WHERE recorded.request_id = request.request_id AND recorded.chunk = $2)
    OR request.chunks_total = (SELECT count(*) FROM aggregator.recorded_chunks recorded
                               WHERE recorded.request_id = request.request_id)
FROM aggregator.requests request
WHERE request.request_id = $1 AND request.end_trigger IS NULL
