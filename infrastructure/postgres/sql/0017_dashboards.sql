-- Dashboards: links that may be used once, and what their pages show of webhooks. Deliveries and attempts
-- are kept for ever: nothing else says what a receiver was sent and answered (ADR 44).

alter table ledger.webhook_attempts add column headers text not null default '';
comment on column ledger.webhook_attempts.headers is 'as sent, one a line, without signatures; empty before migration 17';

create index webhook_deliveries_target on ledger.webhook_deliveries (merchant_id, target, number desc);
create index webhook_deliveries_type on ledger.webhook_deliveries (merchant_id, event_type, number desc);
create index webhook_deliveries_created on ledger.webhook_deliveries (merchant_id, created_at);
create index webhook_deliveries_missed on ledger.webhook_deliveries (merchant_id, target, position)
 where status in ('failed', 'skipped');

-- Tokens that may be used once: noted when they are used, deleted some time after they have expired.
create table ledger.used_tokens (
    digest bytea primary key check (length(digest) = 32),
    expires_at timestamptz not null
);
create index used_tokens_expired on ledger.used_tokens (expires_at);
grant select, insert, delete on ledger.used_tokens to :writer;
