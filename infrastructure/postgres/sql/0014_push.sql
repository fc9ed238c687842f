-- Push subscriptions: which devices are told what becomes of a wallet's payments. They are not part of
-- the log, because a device may be forgotten. Where one is reached is sealed under a key of the ledger's
-- home, so neither the database nor its backups can be used to send to it.

create table ledger.push_subscriptions (
    id text primary key,                            -- of wallet and target
    number bigint not null generated always as identity,    -- the highest has subscribed last
    wallet_id text not null,
    transport text not null,
    sealed bytea not null check (length(sealed) <= 16384),
    language text not null,
    amounts boolean not null,
    created_at timestamptz not null default ledger.now()
);
create index push_subscriptions_wallet on ledger.push_subscriptions (wallet_id, number desc);
grant select, insert, update, delete on ledger.push_subscriptions to :writer;
grant select, delete on ledger.push_subscriptions to :projector;
