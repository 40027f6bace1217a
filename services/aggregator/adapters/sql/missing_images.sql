-- Chunks whose images are not here. A chunk is inserted as a whole, so its first image tells.
SELECT chunk
FROM generate_series(0, $2::integer - 1) AS chunk
WHERE NOT EXISTS (
    SELECT FROM aggregator.images image WHERE image.request_id = $1 AND image.index = chunk * $3::integer
)
ORDER BY chunk
