-- What a file says, before anything of it holds. Of this session only, and gone with it.
CREATE TEMP TABLE staged_contact (
    line         bigint NOT NULL,
    external_id  text NOT NULL,
    tombstone    text NOT NULL,  -- what stands in place of external_id when that person was erased
    address      text,           -- NULL says nothing, '' deletes; so for locale and time_zone
    address_hash bytea,
    domain       text,
    locale       text,
    time_zone    text,
    attributes   jsonb NOT NULL  -- null deletes
);
CREATE TEMP TABLE staged_consent (
    owner   bigint NOT NULL,     -- line of the row that is taken for this person
    line    bigint NOT NULL,
    subject smallint NOT NULL,
    granted boolean NOT NULL,
    at      timestamptz,
    wording text
);
CREATE TEMP TABLE merging (
    line             bigint NOT NULL,
    contact_id       bigint NOT NULL,
    is_new           boolean NOT NULL,
    contact_changed  boolean NOT NULL,
    endpoint_changed boolean NOT NULL,
    locale           text,
    time_zone        text,
    attributes       jsonb NOT NULL
) ON COMMIT DELETE ROWS;
