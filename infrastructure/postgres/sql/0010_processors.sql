-- What processors say and are told, beside the log. Nothing here decides about money.

-- Callbacks, stored before they are answered. The task that a callback sets is stored with it; a
-- delivery that is repeated finds both. Rows are deleted after 30 days.
create table ledger.processor_callbacks (
    processor text not null,
    notice text not null,                           -- the processor's id of it
    sha256 bytea not null check (length(sha256) = 32),      -- of the body as it came
    fields json not null,                           -- what was read from it, and no more
    received_at timestamptz not null default ledger.now(),
    primary key (processor, notice)
);
create index processor_callbacks_received on ledger.processor_callbacks (received_at);
grant select, insert on ledger.processor_callbacks to :writer;
grant select, insert, delete on ledger.processor_callbacks to :projector;
grant select on ledger.processor_callbacks to :reader;
grant insert on ledger.tasks to :writer;

-- What a payer needs of an attempt until it ends: deleted then, and never part of an event.
create table ledger.attempt_notes (
    attempt text primary key,
    source text not null default '',                -- the processor's token of a way to pay
    redirect_url text not null default ''
);
grant select, insert, update, delete on ledger.attempt_notes to :writer, :projector;

-- Our key of what a processor calls by its own name only, such as a disputed charge.
create table ledger.processor_references (
    processor text not null,
    reference text not null,
    key text not null,
    primary key (processor, reference)
);
grant select, insert on ledger.processor_references to :projector;
grant select on ledger.processor_references to :writer, :reader;

-- The sandbox processor of a test ledger. Rows are deleted after 30 days.
create table ledger.sandbox_charges (
    key text primary key,
    reference text not null unique,
    charge_key text not null,                       -- of a refund
    minor bigint not null,
    currency text not null,
    capture boolean not null,
    behaviour text not null,
    return_url text not null,
    begun_at timestamptz not null,
    state text not null,
    settled_at timestamptz
);
create index sandbox_charges_begun on ledger.sandbox_charges (begun_at);
grant select, insert, update, delete on ledger.sandbox_charges to :writer, :projector;
