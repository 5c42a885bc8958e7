-- Who was possibly not reached. Ids only: whoever may see addresses asks for them by id.
SELECT d.contact_id, o.at, coalesce(o.detail, '')
FROM outcome o JOIN delivery d ON d.run_id = o.run_id AND d.position = o.position
WHERE o.run_id = %(run)s AND o.kind = 'uncertain'
ORDER BY o.position LIMIT %(limit)s
