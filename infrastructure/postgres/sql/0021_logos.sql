-- The files of merchants' logos. The log has their digests (merchant.branding_changed); a file is kept
-- for ever, as an event names it.
create table ledger.logos (
    sha256 bytea primary key check (sha256 = pg_catalog.sha256(data)),
    media_type text not null check (media_type in ('image/jpeg', 'image/png', 'image/webp')),
    data bytea not null check (length(data) between 1 and 16384),
    added_at timestamptz not null default clock_timestamp()     -- for people; nothing depends on it
);
alter table ledger.logos alter column data set storage external;    -- pictures cannot be compressed
grant select, insert on ledger.logos to :writer;
