-- Tickets of the live socket that were issued and not used yet. Whoever deletes the row has used the ticket, so it
-- works once. The API issues them; the notifier, a reader, can use them and issue none.
create table ledger.live_tickets (
    id uuid primary key,
    expires_at timestamptz not null
);
create index live_tickets_expiry on ledger.live_tickets (expires_at);
grant select, insert, delete on ledger.live_tickets to :writer;
grant select, delete on ledger.live_tickets to :reader;
