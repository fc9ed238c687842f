-- Webhooks: what has been sent to whom, and how their targets answer. Events are not copied here: the
-- body of a delivery is made from the log, whenever it is sent or shown.

create table ledger.webhook_deliveries (
    id text primary key,                            -- of event and target
    number bigint not null generated always as identity,
    merchant_id text not null,
    target text not null,                           -- an endpoint, or 'callback'
    event_id text not null,
    event_type text not null,
    subject_id text not null,
    position bigint not null,                       -- of the event; 0 for a test
    version bigint not null,
    status text not null default 'pending' check (status in ('pending', 'delivered', 'failed', 'skipped')),
    attempts int not null default 0,
    created_at timestamptz not null,                -- by the ledger's time, as all times here
    next_attempt_at timestamptz,
    reason text not null default ''
) with (fillfactor = 80);
create index webhook_deliveries_newest on ledger.webhook_deliveries (merchant_id, number desc);
create index webhook_deliveries_status on ledger.webhook_deliveries (merchant_id, status, number desc);

create table ledger.webhook_attempts (
    number bigint not null generated always as identity primary key,
    delivery_id text not null,
    task text not null,
    at timestamptz not null,
    url text not null,
    answer_status int,                              -- null: no answer
    milliseconds int not null,
    answer text not null check (length(answer) <= 1024),
    reason text not null,
    status text not null,                           -- of the delivery from then on
    next_attempt_at timestamptz
);
create index webhook_attempts_delivery on ledger.webhook_attempts (delivery_id, number desc);
create index webhook_attempts_task on ledger.webhook_attempts (task);

create table ledger.webhook_health (
    target text primary key,
    failures int not null,
    failing_since timestamptz,
    closed_until timestamptz,
    milliseconds int
) with (fillfactor = 50);

grant select, insert, update, delete on ledger.webhook_deliveries, ledger.webhook_attempts,
    ledger.webhook_health to :projector;
grant select on ledger.webhook_deliveries, ledger.webhook_attempts, ledger.webhook_health to :writer, :reader;

-- Webhooks begin here, whenever the first worker starts: no endpoint can stand at an earlier position.
insert into ledger.process_positions (name, position, topics) select 'webhooks', pos, '{}' from ledger.head;
