-- Processors that do not answer, as the worker's breakers see them: payers are not sent there.
create table ledger.processor_rests (
    processor text primary key,
    until timestamptz not null
);
grant select, insert, update, delete on ledger.processor_rests to :projector;
grant select on ledger.processor_rests to :writer, :reader;

-- Notes of an attempt that was never recorded are deleted by their age.
alter table ledger.attempt_notes add column kept_at timestamptz not null default ledger.now();
create index attempt_notes_kept on ledger.attempt_notes (kept_at);
