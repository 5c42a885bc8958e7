-- The ledger itself: its time, its fence, whether it went backwards, when a person accepted it last. The timeline is that
-- of what is written now (herold.ledger.installation).
SELECT clock_timestamp() AS now, s.system_identifier::text AS system,
       CASE WHEN pg_is_in_recovery() THEN c.timeline_id
            ELSE ('x' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8))::bit(32)::integer END AS timeline,
       (SELECT regressed_why FROM installation WHERE regressed_at IS NOT NULL) AS regressed,
       (SELECT max(at) FROM audit WHERE action = 'AcceptLedger') AS accepted_at
FROM pg_control_system() s, pg_control_checkpoint() c
