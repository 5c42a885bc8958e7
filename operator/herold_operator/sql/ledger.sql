-- The ledger itself: its time, its fence, whether it went backwards, when a person accepted it last.
SELECT clock_timestamp() AS now, s.system_identifier::text AS system, c.timeline_id AS timeline,
       (SELECT regressed_why FROM installation WHERE regressed_at IS NOT NULL) AS regressed,
       (SELECT max(at) FROM audit WHERE action = 'AcceptLedger') AS accepted_at
FROM pg_control_system() s, pg_control_checkpoint() c
