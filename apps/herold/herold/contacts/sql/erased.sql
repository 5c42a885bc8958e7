-- People of this batch who asked to be forgotten: an import does not bring them back.
DELETE FROM staged_contact s USING contact t
WHERE s.line > %(after)s AND s.line <= %(to)s AND t.external_id = s.tombstone
RETURNING s.line
