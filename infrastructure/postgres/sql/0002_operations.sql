-- What the program needs beside the log: the ledger's mode, its secret, timers, and read models.

create table ledger.identity (
    one boolean primary key default true check (one),
    mode text not null check (mode in ('live', 'test')),
    token_secret bytea not null check (length(token_secret) = 32)
);

-- Timers of processes: they wake work, they never decide. Rebuilt from the log if lost.
create table ledger.due (
    kind text not null,
    key uuid not null,
    due_at timestamptz not null,
    primary key (kind, key)
);
create index due_next on ledger.due (kind, due_at);

create table ledger.process_positions (
    name text primary key,
    position bigint not null
);

create schema read_models authorization :projector;
create table read_models.tracking (
    name text primary key,
    version int not null,
    position bigint not null
);
alter table read_models.tracking owner to :projector;

grant select on ledger.identity to :writer, :reader;
grant select, insert, update, delete on ledger.due, ledger.process_positions to :projector;
grant usage on schema read_models to :writer, :reader;
grant select on read_models.tracking to :writer, :reader;
alter default privileges for role :projector in schema read_models
    grant select on tables to :writer, :reader;
