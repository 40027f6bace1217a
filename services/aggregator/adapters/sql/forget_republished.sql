DELETE FROM aggregator.republished_chunks republished
WHERE NOT EXISTS (
    SELECT FROM aggregator.requests request
    WHERE request.request_id = republished.request_id AND request.end_trigger IS NULL
)
