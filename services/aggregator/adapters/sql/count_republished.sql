INSERT INTO aggregator.republished_chunks AS counted (request_id, chunk, times)
VALUES ($1, $2, 1)
ON CONFLICT (request_id, chunk) DO UPDATE SET times = counted.times + 1
