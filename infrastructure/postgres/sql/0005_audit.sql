-- The audit compares the head and the processes' positions with the log: the reader may look at both.
grant select on ledger.head, ledger.process_positions to :reader;
