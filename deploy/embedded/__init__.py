"""Kafka, Postgres and an S3 server as plain processes: no Docker, no root, loopback only."""
