-- Events of nobody: not known, or erased since.
DELETE FROM staged_event s
WHERE s.line > %(after)s AND s.line <= %(to)s
  AND NOT EXISTS (SELECT FROM contact c WHERE c.external_id = s.external_id AND c.erased_at IS NULL)
RETURNING s.line
