-- The test clock: in a test ledger the ledger's time can be advanced, never set back. Each advance is an
-- event, and `append` adds it to what is stored here in the same transaction; no role may write it.

alter table ledger.clock add column advanced_seconds bigint not null default 0
    check (advanced_seconds between 0 and 36525 * 86400::bigint);   -- a century

-- The ledger's clock: the server's, what was accepted, and how far a test clock was advanced.
create or replace function ledger.now() returns timestamptz language plpgsql volatile as $$
begin
    return ledger.server_now()
        + (select c.accepted_offset + make_interval(secs => c.advanced_seconds)
             from ledger.clock c where c.one);
end $$;

create or replace function ledger.append(
    -- one entry per command, in the order decided
    _cmd uuid[], _print bytea[], _deadline timestamptz[], _not_before timestamptz[], _len int[],
    _actor text[], _trace text[], _subject uuid[], _version bigint[], _refusal bytea[],
    -- one entry per event, command after command
    _id uuid[], _ver bigint[], _topic text[], _state bytea[], _event uuid[], _schema int[],
    -- the ledger's time as the caller can tell it, null if it cannot; the limits, in seconds
    _witness timestamptz default null, _ahead int default 300, _behind int default 30
) returns table (verdict text, first_pos bigint, last_pos bigint, at timestamptz)
    language plpgsql security definer
    set search_path = ledger, pg_temp
    set lock_timeout = '5s'
    set jit = off set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off
as $$
#variable_conflict use_column
declare
    base bigint; t timestamptz; n bigint; last timestamptz; reading timestamptz;
    accepted interval; accepting constant boolean := 'clock.accepted' = any (_topic);
    advanced bigint := 0; advancing constant boolean := 'clock.advanced' = any (_topic);
    _no int[]; lost int[]; dirty uuid[] := '{}'; mine uuid[]; k int := 0;
begin
    if cardinality(_cmd) > 1024 or cardinality(_id) > 4096
       or cardinality(_id) <> (select coalesce(sum(l), 0) from unnest(_len) l) then
        raise 'malformed batch';
    end if;
    if (accepting or advancing) and (cardinality(_cmd) > 1 or cardinality(_id) > 1) then
        raise 'the clock is accepted or advanced alone';
    end if;

    if accepting then
        accepted := interval '1 microsecond'
            * (convert_from(_state[1], 'UTF8')::jsonb ->> 'offset_microseconds')::bigint;
    end if;
    if advancing then
        advanced := (convert_from(_state[1], 'UTF8')::jsonb ->> 'seconds')::bigint;
        if advanced <= 0 then
            raise 'a test clock is only advanced';
        end if;
        if (select i.mode from identity i where i.one) <> 'test' then
            raise 'the clock of a live ledger is not advanced';
        end if;
    end if;

    -- The lock, held to commit; the clock is read in the statement after it, so the wait counts.
    perform 1 from head where one for update;
    select h.pos, h.recorded_at,
           case when accepting
                then ledger.now() - (select c.accepted_offset from clock c where c.one) + accepted
                else ledger.now() end
      into base, last, reading from head h;
    t := greatest(last, reading) + make_interval(secs => advanced);

    -- A clock in doubt stores nothing: too far ahead, it would expire what has not expired; too far
    -- behind, time would stand still. What was recorded before is known all the same.
    if reading < last - make_interval(secs => _behind)
       or reading > last + make_interval(secs => _ahead)
          and reading > _witness + make_interval(secs => _ahead)
          and not accepting and (select i.mode from identity i where i.one) = 'live' then
        return query
        select case when r.command_id is null then 'doubt'
                    when r.fingerprint = c.print then 'duplicate' else 'reused' end,
               r.first_pos, r.last_pos, coalesce(r.recorded_at, t)
          from unnest(_cmd, _print) with ordinality c(cmd, print, no)
          left join commands r on r.command_id = c.cmd
         order by c.no;
        return;
    end if;

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

    if n > 0 and accepting then
        update clock set accepted_offset = accepted where one;
    end if;
    if n > 0 and advancing then
        update clock set advanced_seconds = advanced_seconds + advanced where one;
    end if;
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
