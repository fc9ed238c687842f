-- Reference rates that the worker has fetched. A cache: an exchange quote states its rate in its event,
-- so rows may be deleted at any time.

create table ledger.fx_rates (
    source text not null,
    as_of date not null,
    currency text not null check (currency ~ '^[A-Z]{3}$'),
    per_euro text not null check (length(per_euro) between 1 and 24),    -- as the source writes it
    primary key (as_of, source, currency)
);
grant select, insert, update, delete on ledger.fx_rates to :projector;
grant select on ledger.fx_rates to :writer, :reader;
