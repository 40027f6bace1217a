-- Whether this transaction may do what $1 names; no other may until it ends. A holder that says nothing for a minute
-- stands still, and loses its connection.
SELECT pg_try_advisory_xact_lock(hashtextextended('ingest ' || $1, 0)) AS is_locked,
       set_config('idle_in_transaction_session_timeout', '60000', true)
