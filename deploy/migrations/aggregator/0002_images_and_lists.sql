-- What the manifest says of each image, beside its result; inserted a chunk at a time, by one statement.
CREATE TABLE IF NOT EXISTS aggregator.images (
    request_id    uuid NOT NULL,
    index         integer NOT NULL,
    "row"         integer NOT NULL,
    line          integer NOT NULL,
    slot          integer NOT NULL,
    serial_number text NOT NULL,
    product_name  text NOT NULL,
    source_url    text NOT NULL,
    PRIMARY KEY (request_id, index)
);

-- What failed in a recorded chunk, so that the status of a running request adds up chunks and not images.
ALTER TABLE aggregator.recorded_chunks
    ADD COLUMN IF NOT EXISTS failures_by_code jsonb NOT NULL DEFAULT '{}',
    ADD COLUMN IF NOT EXISTS failures_by_host jsonb NOT NULL DEFAULT '{}';

UPDATE aggregator.recorded_chunks recorded
SET failures_by_code = (
    SELECT coalesce(jsonb_object_agg(counted.error_code, counted.images), '{}')
    FROM (
        SELECT result.error_code, count(*) AS images
        FROM aggregator.requests request
        JOIN aggregator.results result
          ON result.request_id = request.request_id
         AND result.index >= recorded.chunk * request.chunk_size
         AND result.index < (recorded.chunk + 1) * request.chunk_size
        WHERE request.request_id = recorded.request_id AND result.outcome = 'failed'
        GROUP BY result.error_code
    ) counted
)
WHERE recorded.failed > 0 AND recorded.failures_by_code = '{}';

-- Pages of images by outcome and by code. Most images succeed, so these indexes stay small.
DROP INDEX IF EXISTS aggregator.results_failed;
CREATE INDEX IF NOT EXISTS results_not_succeeded
    ON aggregator.results (request_id, index) WHERE outcome <> 'succeeded';
CREATE INDEX IF NOT EXISTS results_by_code
    ON aggregator.results (request_id, error_code, index) WHERE error_code IS NOT NULL;

-- Lists of requests, newest first: all of an owner, those that run, those that ended in some state.
DROP INDEX IF EXISTS aggregator.requests_by_submission;
CREATE INDEX IF NOT EXISTS requests_by_owner ON aggregator.requests (owner, submitted_at, request_id);
CREATE INDEX IF NOT EXISTS requests_open
    ON aggregator.requests (owner, submitted_at, request_id) WHERE assembled_at IS NULL;
CREATE INDEX IF NOT EXISTS requests_by_end
    ON aggregator.requests (owner, end_state, submitted_at, request_id) WHERE assembled_at IS NOT NULL;

-- Large tables are vacuumed after a share of them changed that is small in rows too; a request's row changes in place.
ALTER TABLE aggregator.results SET
    (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_insert_scale_factor = 0.05,
     autovacuum_analyze_scale_factor = 0.02);
ALTER TABLE aggregator.images SET
    (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_insert_scale_factor = 0.05,
     autovacuum_analyze_scale_factor = 0.02);
ALTER TABLE aggregator.requests SET (fillfactor = 70);
