-- Sealing: the tiles of the Merkle tree over the log, and the signed heads that were published. One
-- process writes them with a login of its own, which reads the log and can change nothing else.

create schema seal;

-- Full tiles only; partial ones are made of these and of the log when they are asked for.
create table seal.tiles (
    level smallint not null check (level between 0 and 7),
    index bigint not null check (index >= 0),
    hashes bytea not null check (length(hashes) = 8192),    -- 256 hashes, each of 32 bytes
    root bytea not null check (length(root) = 32),          -- of these hashes: an entry of the tile above
    primary key (level, index)
);
alter table seal.tiles alter column hashes set storage external;    -- hashes cannot be compressed

create table seal.checkpoints (
    number bigint not null generated always as identity primary key,
    origin text not null check (octet_length(origin) between 1 and 300),
    size bigint not null check (size > 0),
    root bytea not null check (length(root) = 32),
    note text not null check (octet_length(note) <= 65536),         -- as it is served
    published_at timestamptz not null default clock_timestamp()     -- for people; nothing depends on it
);

create trigger append_only before update or delete or truncate on seal.tiles
    for each statement execute function ledger.refuse_change();
create trigger append_only before update or delete or truncate on seal.checkpoints
    for each statement execute function ledger.refuse_change();

grant usage on schema seal to :sealer, :writer, :projector, :reader;
grant select on seal.tiles, seal.checkpoints to :sealer, :writer, :projector, :reader;
grant insert on seal.tiles, seal.checkpoints to :sealer;
grant select on ledger.events to :sealer;

-- What cannot be sealed is not recorded: a leaf has to fit an entry bundle (tlog-tiles), and the leaf
-- of an event is its stored bytes. Events that are there already are smaller.
alter table ledger.events add constraint can_be_sealed check (
    length(state) <= 60000 and octet_length(actor) <= 2000 and octet_length(topic) <= 2000
) not valid;
