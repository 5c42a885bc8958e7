-- The ledger itself: its time, its fence, whether it went backwards, when a person accepted it last.
SELECT clock_timestamp() AS now, f.system::text AS system, f.timeline,
       (SELECT regressed_why FROM installation WHERE regressed_at IS NOT NULL) AS regressed,
       (SELECT max(at) FROM audit WHERE action = 'AcceptLedger') AS accepted_at
FROM ledger_fence() f
