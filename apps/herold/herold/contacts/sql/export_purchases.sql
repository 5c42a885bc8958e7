SELECT jsonb_build_object('order_id', order_id, 'at', at, 'amount', trim_scale(amount)::text)
FROM purchase WHERE contact_id = %(contact)s ORDER BY at, order_id
