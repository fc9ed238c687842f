-- The tasks of processes: what is to be called, when, and under which key. They change in the
-- transaction that stores the position of their process.

create table ledger.tasks (
    process text not null,
    key text not null,
    number bigint not null generated always as identity,    -- the order in which tasks were stored
    due_at timestamptz not null,                    -- by the ledger's time
    lane text not null,                             -- '': in no order
    payload json not null,
    waits boolean not null default false,           -- behind an earlier task of its lane
    attempts int not null default 0,                -- how often it was claimed
    token uuid,                                     -- of the lease; only its holder settles the task
    leased_at timestamptz,                          -- by the database's clock
    cancelled boolean not null default false,       -- while under a lease: removed when it is settled
    parked boolean not null default false,          -- waits for a person, not part of its lane
    reason text not null default '',                -- of the last attempt that failed
    primary key (process, key),
    check ((token is null) = (leased_at is null)),
    check (not (parked and token is not null))
) with (autovacuum_vacuum_scale_factor = 0.05);

-- What is claimed: first attempts apart from repeated ones, which have a budget of their own.
create index tasks_first on ledger.tasks (process, waits, due_at) where attempts = 0 and not parked;
create index tasks_again on ledger.tasks (process, due_at) where attempts > 0 and not parked;
create index tasks_lanes on ledger.tasks (process, lane, number) where lane <> '' and not parked;
create index tasks_parked on ledger.tasks (process, key) where parked;

grant select, insert, update, delete on ledger.tasks to :projector;
grant select on ledger.tasks, ledger.process_positions to :writer, :reader;

-- The topics that a process has followed up to its position: others are new to it.
alter table ledger.process_positions add column topics text[] not null default '{}';
update ledger.process_positions
   set topics = '{payment_session.created,payment_session.paid,payment_session.expired,payment_session.cancelled}'
 where name = 'expiry';

insert into ledger.tasks (process, key, due_at, lane, payload)
select kind, key::text, due_at, '', '{}' from ledger.due order by kind, due_at;
drop table ledger.due;
