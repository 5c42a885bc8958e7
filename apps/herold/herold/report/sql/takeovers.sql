-- Workers whose lease was taken while the run was sent: they died, or hung. A worker's first epoch is 1.
SELECT ended_at, pid FROM worker
WHERE epoch > 1 AND ended_at BETWEEN %(since)s AND %(until)s
ORDER BY ended_at LIMIT 1000
