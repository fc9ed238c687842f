-- How the worker's loops go: one row each, written by the leader, read by readiness and `status`.

create table ledger.worker_loops (
    name text primary key,
    halted_since timestamptz,
    reason text,
    check ((halted_since is null) = (reason is null))
);
grant select, insert, update, delete on ledger.worker_loops to :projector;
grant select on ledger.worker_loops, ledger.due to :writer, :reader;
