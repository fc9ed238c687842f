-- Push messages begin here, whenever the first worker starts, as webhooks do since migration 12. Without
-- a position of its own the process would begin where the log ends when it first runs.
insert into ledger.process_positions (name, position, topics) select 'push', pos, '{}' from ledger.head
on conflict do nothing;
