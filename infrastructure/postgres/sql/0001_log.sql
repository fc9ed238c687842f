-- The log: one head row, the events, the receipts of commands, and the one way to append.
-- :owner, :writer, :projector and :reader are roles of this database; migrate fills them in.

create table ledger.head (
    one boolean primary key default true check (one),
    pos bigint not null,
    recorded_at timestamptz not null
) with (fillfactor = 10);
insert into ledger.head values (true, 0, '-infinity');

create table ledger.events (
    notification_id bigint primary key,             -- the position; the library's column names are kept
    originator_id uuid not null,
    originator_version bigint not null,
    topic text not null,
    state bytea not null,
    recorded_at timestamptz not null,
    event_id uuid not null,
    command_id uuid not null,
    actor text not null,
    trace_id text not null,
    schema_version smallint not null,
    unique (originator_id, originator_version)
) with (autovacuum_vacuum_insert_threshold = 100000, autovacuum_vacuum_insert_scale_factor = 0.05);

-- Who was let in: few rows among many, listed whole by the operator's commands.
create index events_of_holders on ledger.events (topic, notification_id)
    where topic in ('merchant.registered', 'wallet_app.registered', 'key.issued', 'key.revoked');

-- What is kept of a command for ever. Its answer is told again from here and from its events:
-- the subject at a version, or the refusal that was decided.
create table ledger.commands (
    command_id uuid primary key,
    fingerprint bytea not null,
    first_pos bigint,
    last_pos bigint,
    recorded_at timestamptz not null,
    subject uuid,
    version bigint not null,
    refusal bytea
);

-- The one clock. Tests replace this function to set the ledger's time.
create function ledger.now() returns timestamptz language sql volatile as 'select clock_timestamp()';

create function ledger.append(
    -- one entry per command, in the order decided
    _cmd uuid[], _print bytea[], _deadline timestamptz[], _not_before timestamptz[], _len int[],
    _actor text[], _trace text[], _subject uuid[], _version bigint[], _refusal bytea[],
    -- one entry per event, command after command
    _id uuid[], _ver bigint[], _topic text[], _state bytea[], _event uuid[], _schema int[]
) returns table (verdict text, first_pos bigint, last_pos bigint, at timestamptz)
    language plpgsql security definer
    set search_path = ledger, pg_temp
    set lock_timeout = '5s'
    set jit = off set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off
as $$
#variable_conflict use_column
declare
    base bigint; t timestamptz; n bigint;
    _no int[]; lost int[]; dirty uuid[] := '{}'; mine uuid[]; k int := 0;
begin
    if cardinality(_cmd) > 1024 or cardinality(_id) > 4096
       or cardinality(_id) <> (select coalesce(sum(l), 0) from unnest(_len) l) then
        raise 'malformed batch';
    end if;

    -- The lock, held to commit; the clock is read in the statement after it, so the wait counts.
    perform 1 from head where one for update;
    select h.pos, greatest(h.recorded_at, ledger.now()) into base, t from head h;

    _no := array(select c.no from unnest(_len) with ordinality c(len, no), generate_series(1, c.len)
                  order by c.no);
    lost := array(
        select c.no::int from unnest(_deadline) with ordinality c(deadline, no) where c.deadline <= t
        union
        select c.no::int from unnest(_not_before) with ordinality c(earliest, no) where c.earliest > t
        union
        select c.no::int from unnest(_cmd) with ordinality c(cmd, no)
          join commands r on r.command_id = c.cmd
        union
        select e.no from (
            select e.no, e.id, e.ver, row_number() over w k, first_value(e.ver) over w v1
              from unnest(_no, _id, _ver) with ordinality e(no, id, ver, ord)
            window w as (partition by e.id order by e.ord)) e
         where e.ver <> e.k + coalesce(
            (select max(s.originator_version) from events s where s.originator_id = e.id),
            case when e.v1 = 0 then -1 else 0 end));    -- a stream may start at 0 or 1

    -- Whoever built on a loser's state loses too: its version could match by accident.
    if lost <> '{}' then
        for i in 1 .. cardinality(_cmd) loop
            mine := _id[k + 1 : k + _len[i]];
            k := k + _len[i];
            if i = any (lost) or mine && dirty then
                lost := lost || i;
                dirty := dirty || mine;
            end if;
        end loop;
    end if;

    insert into events
    select base + row_number() over (order by e.ord), e.id, e.ver, e.topic, e.state, t,
           e.event, _cmd[e.no], _actor[e.no], _trace[e.no], e.schema
      from unnest(_no, _id, _ver, _topic, _state, _event, _schema)
           with ordinality e(no, id, ver, topic, state, event, schema, ord)
     where e.no <> all (lost);
    get diagnostics n = row_count;

    insert into commands
    select c.cmd, c.print, case when c.len > 0 then base + sum(c.len) over w - c.len + 1 end,
           case when c.len > 0 then base + sum(c.len) over w end, t, c.subject, c.version, c.refusal
      from unnest(_cmd, _print, _len, _subject, _version, _refusal)
           with ordinality c(cmd, print, len, subject, version, refusal, no)
     where c.no <> all (lost)
    window w as (order by c.no);

    if n > 0 then
        update head set pos = base + n, recorded_at = t where one;
        notify ledger_events;                           -- a hint; readers poll for the truth
    end if;

    return query
    select case when c.no <> all (lost) then 'recorded'
                when r.fingerprint = c.print then 'duplicate'
                when r.fingerprint is not null then 'reused'
                when c.deadline <= t then 'late'
                when c.earliest > t then 'early'
                else 'conflict' end,
           r.first_pos, r.last_pos, coalesce(r.recorded_at, t)
      from unnest(_cmd, _print, _deadline, _not_before) with ordinality c(cmd, print, deadline, earliest, no)
      left join commands r on r.command_id = c.cmd
     order by c.no;
end $$;

-- The second wall: privileges prevent, these say so aloud.
create function ledger.refuse_change() returns trigger language plpgsql as $$
begin
    raise 'the log is append-only: % on %.% refused', tg_op, tg_table_schema, tg_table_name;
end $$;
create trigger append_only before update or delete or truncate on ledger.events
    for each statement execute function ledger.refuse_change();
create trigger append_only before update or delete or truncate on ledger.commands
    for each statement execute function ledger.refuse_change();

revoke all on function ledger.append from public;
grant usage on schema ledger to :writer, :projector, :reader;
grant select on ledger.events, ledger.commands to :writer, :projector, :reader;
grant execute on function ledger.append to :writer;
