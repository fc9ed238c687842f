-- Long streams: states kept beside the log, and one stream per top-up reference.

-- A state as the log's events make it at one version, so that a long stream is not read from its
-- beginning. Disposable: every row can be made again from the log, and a row whose shape is not
-- the program's is ignored.
create table ledger.snapshots (
    originator_id uuid not null,
    shape text not null,                            -- aggregate and version of its state, `wallet:1`
    originator_version bigint not null,
    position bigint not null,                       -- of the event that made this version
    state bytea not null,
    primary key (originator_id, originator_version, shape)     -- the nearest one is found backwards
);
grant select on ledger.snapshots to :writer, :projector, :reader;
grant insert on ledger.snapshots to :writer;

-- Until now a wallet kept the references of its top-ups in its state. Each one gets its stream, so
-- that a reference used before today stays used. What follows computes what
-- domain/wallets/top_up_reference.py and domain/ids.py compute.
create function ledger.migrate_reference_of(state bytea) returns text language plpgsql as $$
begin
    return convert_from(state, 'UTF8')::json ->> 'reference';
exception when others then
    return null;                                    -- holds U+0000, which no request may hold any more
end $$;

create function ledger.migrate_sized(part bytea) returns bytea language sql immutable as
    'select int4send(length(part)) || part';

create function ledger.migrate_reference_stream(wallet uuid, reference text) returns uuid
    language sql immutable as $$
    select encode(set_byte(set_byte(d, 6, get_byte(d, 6) & 15 | 128),
                           8, get_byte(d, 8) & 63 | 128), 'hex')::uuid
      from (select substring(sha256(ledger.migrate_sized('top-up reference')
                                    || ledger.migrate_sized(uuid_send(wallet))
                                    || ledger.migrate_sized(convert_to(reference, 'UTF8')))
                             from 1 for 16) d) as digest
$$;

create function ledger.migrate_wallet_text(wallet uuid) returns text language sql immutable as $$
    select 'wal_' || string_agg(substr('0123456789abcdefghjkmnpqrstvwxyz',
                                       substring(bits from 5 * i + 1 for 5)::bit(5)::int + 1, 1),
                                '' order by i)
      from (select B'00' || ('x' || replace(wallet::text, '-', ''))::bit(128) bits) as id,
           generate_series(0, 25) i
$$;

do $$
declare
    base bigint; t timestamptz; n bigint; command uuid := gen_random_uuid();
begin
    perform 1 from ledger.head where one for update;
    select h.pos, greatest(h.recorded_at, ledger.now()) into base, t from ledger.head h;

    insert into ledger.events
    select base + row_number() over (order by u.first_position),
           ledger.migrate_reference_stream(u.originator_id, u.reference), 1, 'top_up_reference.used',
           convert_to(json_build_object('timestamp', to_char(t at time zone 'UTC',
                                                             'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
                                        'originator_topic', 'top_up_reference',
                                        'wallet_id', w.wallet_text,
                                        'reference', u.reference)::text, 'UTF8'),
           t, gen_random_uuid(), command, 'migrate', '', 1
      from (select originator_id, reference, min(notification_id) first_position
              from (select e.originator_id, e.notification_id,
                           ledger.migrate_reference_of(e.state) reference
                      from ledger.events e where e.topic = 'wallet.topped_up' offset 0) r
             where reference is not null
             group by originator_id, reference) u
      join (select originator_id, ledger.migrate_wallet_text(originator_id) wallet_text
              from ledger.events where topic = 'wallet.opened') w using (originator_id);
    get diagnostics n = row_count;

    if n > 0 then
        insert into ledger.commands (command_id, fingerprint, first_pos, last_pos, recorded_at,
                                     subject, version, refusal)
        values (command, '', base + 1, base + n, t, null, 0, null);
        update ledger.head set pos = base + n, recorded_at = t where one;
    end if;
end $$;

drop function ledger.migrate_reference_of(bytea);
drop function ledger.migrate_wallet_text(uuid);
drop function ledger.migrate_reference_stream(uuid, text);
drop function ledger.migrate_sized(bytea);
