-- The read model of requests and their results. No foreign keys: events may arrive in any order.

CREATE SCHEMA IF NOT EXISTS aggregator;

CREATE TABLE IF NOT EXISTS aggregator.requests (
    request_id        uuid PRIMARY KEY,
    owner             text NOT NULL,
    retry_of          uuid,
    rows_total        integer NOT NULL,
    images_total      integer NOT NULL,
    chunks_total      integer NOT NULL,
    chunk_size        integer NOT NULL,
    metadata          jsonb NOT NULL,
    submitted_at      timestamptz NOT NULL,
    deadline_at       timestamptz NOT NULL,
    started_at        timestamptz,

    -- The end: claimed once, by one event, and repeated by that event alone.
    end_state         text CHECK (end_state IN ('completed', 'failed', 'cancelled', 'expired')),
    end_trigger       text,
    ended_at          timestamptz,

    -- The outcome as it was assembled.
    assembled_at      timestamptz,
    succeeded         integer,
    failed            integer,
    not_attempted     integer,
    bytes_in          bigint,
    bytes_out         bigint,
    failures_by_code  jsonb,
    failures_by_host  jsonb,
    output_sha256     text,
    failures_sha256   text,

    -- The completion: marked by one event, published in that event's transaction.
    completed_trigger text,
    completed_at      timestamptz,
    published_at      timestamptz
);

CREATE INDEX IF NOT EXISTS requests_by_submission ON aggregator.requests (owner, submitted_at DESC, request_id);

CREATE TABLE IF NOT EXISTS aggregator.results (
    request_id     uuid NOT NULL,
    index          integer NOT NULL,
    outcome        text NOT NULL CHECK (outcome IN ('succeeded', 'failed', 'not_attempted')),
    note           text,
    error_code     text,
    error_message  text,
    source         jsonb,
    renditions     jsonb NOT NULL,
    bytes_in       bigint NOT NULL,
    bytes_out      bigint NOT NULL,
    attempts       integer NOT NULL,
    duration_ms    integer NOT NULL,
    -- Offset of the event that wrote the row; all results of a chunk come from one partition. Null: none did.
    trigger_offset bigint,
    PRIMARY KEY (request_id, index)
);

CREATE TABLE IF NOT EXISTS aggregator.recorded_chunks (
    request_id uuid NOT NULL,
    chunk      integer NOT NULL,
    succeeded  integer NOT NULL,
    failed     integer NOT NULL,
    bytes_in   bigint NOT NULL,
    bytes_out  bigint NOT NULL,
    PRIMARY KEY (request_id, chunk)
);

CREATE INDEX IF NOT EXISTS results_failed ON aggregator.results (request_id, error_code, index) WHERE outcome = 'failed';
