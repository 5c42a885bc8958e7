"""Messages: templates to HTML and text, MIME by hand, ids that say nothing about people, DKIM.

`Composer` (compose) makes the bytes for one recipient; `DkimSigner` (dkim) signs them; `template_mistakes` (source)
says what is wrong with a template before anything runs; `warnings` and `personas` are for plans.
"""
