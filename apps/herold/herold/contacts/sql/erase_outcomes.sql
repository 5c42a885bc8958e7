-- Replies of servers may quote addresses. A reason from our own catalogue (one CamelCase word) stays.
UPDATE outcome o
SET detail = CASE WHEN o.detail LIKE 'TooManyAttempts:%%' THEN 'TooManyAttempts' END
FROM delivery d
WHERE d.contact_id = %(contact)s AND o.run_id = d.run_id AND o.position = d.position
  AND o.detail !~ '^[A-Z][a-z]+([A-Z][a-z]+)*$'
