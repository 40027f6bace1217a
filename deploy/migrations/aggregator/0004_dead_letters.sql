-- Dead letters as operators see them, one row a record of the dead letter topics. Any record has its row: `headers` are
-- [[name, value in base64 or null], ...] as json, since jsonb refuses some names.
CREATE TABLE IF NOT EXISTS aggregator.dead_letters (
    topic            text NOT NULL,
    partition        integer NOT NULL,
    "offset"         bigint NOT NULL,
    at               timestamptz NOT NULL,
    code             text NOT NULL,
    message          text NOT NULL,
    request_id       uuid,
    -- What a replay is about: a request, a delivery. Letters of one subject are replayed together.
    subject          text,
    origin_topic     text,
    origin_partition integer,
    origin_offset    bigint,
    key              bytea NOT NULL,
    value            bytea NOT NULL,
    headers          json NOT NULL,
    replayed_at      timestamptz,
    replays          integer NOT NULL DEFAULT 0,
    PRIMARY KEY (topic, partition, "offset")
);

CREATE INDEX IF NOT EXISTS dead_letters_by_time ON aggregator.dead_letters (at, topic, partition, "offset");
CREATE INDEX IF NOT EXISTS dead_letters_by_code ON aggregator.dead_letters (code, at, topic, partition, "offset");
CREATE INDEX IF NOT EXISTS dead_letters_of_request
    ON aggregator.dead_letters (request_id, at) WHERE request_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS dead_letters_to_replay
    ON aggregator.dead_letters (topic, subject) WHERE replayed_at IS NULL AND subject IS NOT NULL;
