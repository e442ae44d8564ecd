-- The views, over `stored`: the files of all logs, each under its origin. docs/audit-views.md explains every column.
-- audit/views.py makes `stored` and two macros before these: has_keys() and text_of(leaf, content).
--
-- A view that joins records joins whole leaves and takes them apart above the join, so only asked rows are parsed.
-- Equalities beyond request_id in a join hold anyway; they let DuckDB carry a filter over to the joined side.

create macro json_of(leaf) as decode(leaf);
create macro field(leaf, name) as json_of(leaf) ->> ('$.fields.' || name);
create macro share(ppm) as ppm::double / 1000000;
create macro is_lease(leaf) as coalesce(field(leaf, 'decision') in ('claim', 'release'), false);
create macro leaf_hash(leaf) as sha256('\x00'::blob || leaf);

create view records as
select
    origin, idx, ts, kind, request_id,
    (json_of(leaf) ->> '$.seq')::integer as seq,
    json_of(leaf) ->> '$.tenant' as tenant,
    subject,
    json_of(leaf) ->> '$.actor' as actor,
    action,
    field(leaf, 'category') as category,
    share(field(leaf, 'score_ppm')) as score,
    (json_of(leaf) -> '$.fields')::json as fields,
    text_of(leaf, content) as text
from stored;
comment on view records is 'one row per record of any log';

-- An exchange with its end, leaves whole: what `exchanges` and `otel_genai` take apart.
create view ended as
select
    r.origin, r.idx, r.ts, r.request_id, r.subject, r.leaf, r.content,
    c.ts as end_ts, c.kind as end_kind, c.leaf as end_leaf, c.content as end_content,
    case
        when c.kind = 'answer' then field(c.leaf, 'finish_reason')
        when c.kind = 'refusal' then 'content_filter'
        when c.kind is not null then c.kind
        when make_timestamptz(field(r.leaf, 'deadline_us')::bigint) < now() then 'interrupted'
    end as finish_reason
from stored r
left join stored c
    on c.origin = r.origin and c.request_id = r.request_id
    and c.kind in ('answer', 'refusal', 'lesson', 'fault', 'interrupted')
where r.kind = 'request';

-- What was said in windows. `complete` is false when one of them can no longer be opened.
create view spoken as
select
    origin, idx, ts, request_id, subject, string_agg(text, '' order by place) as text, count(*) = count(text) as complete
from (
    select r.origin, r.idx, r.ts, r.request_id, r.subject, w.idx as place, text_of(w.leaf, w.content) as text
    from stored r
    join stored w on w.origin = r.origin and w.request_id = r.request_id
    where r.kind = 'request' and w.kind = 'window' and has_keys()
)
group by origin, idx, ts, request_id, subject;

create view exchanges as
with opened as (
    select *, end_kind = 'answer' and finish_reason = 'content_filter' as cut, text_of(leaf, content) as prompt
    from ended
)
select
    e.request_id, e.subject, json_of(e.leaf) ->> '$.tenant' as tenant, e.ts,
    e.prompt,
    case
        when e.end_kind in ('refusal', 'lesson') then text_of(e.end_leaf, e.end_content)
        when e.prompt is not null and coalesce(s.complete, true) then coalesce(s.text, '')
    end as response,
    -- an answer that the guard cut short was decided at its end, everything else at its request
    case when e.cut then 'REFUSE' else field(e.leaf, 'action') end as action,
    field(case when e.cut then e.end_leaf else e.leaf end, 'category') as category,
    share(field(case when e.cut then e.end_leaf else e.leaf end, 'score_ppm')) as score,
    e.finish_reason,
    field(e.leaf, 'model_digest') as model_digest,
    field(e.leaf, 'guard_digest') as guard_digest,
    field(e.leaf, 'policy_digest') as policy_digest,
    field(e.leaf, 'terms_digest') as terms_digest,
    e.origin, e.idx
from opened e
left join spoken s
    on s.origin = e.origin and s.idx = e.idx and s.ts = e.ts and s.request_id = e.request_id
    and s.subject = e.subject;
comment on view exchanges is 'one row per request that passed admission, with how it ended';

create view refusals as
with appeals as (
    select field(leaf, 'about') as about, min(ts) as ts from stored where kind = 'appeal' group by about
), decisions as (
    select field(leaf, 'about') as about, max_by(field(leaf, 'decision'), row(ts, idx)) as decision
    from stored where kind = 'review' and not is_lease(leaf) group by about
)
select
    r.origin, r.idx, r.ts, r.request_id, json_of(r.leaf) ->> '$.tenant' as tenant, r.subject,
    case r.kind when 'refusal' then 'prompt' else 'answer' end as stage,
    field(r.leaf, 'category') as category,
    share(field(r.leaf, 'score_ppm')) as score,
    field(r.leaf, 'lesson') as lesson,
    a.ts as appealed, d.decision,
    text_of(r.leaf, r.content) as text
from stored r
left join appeals a on a.about = r.request_id
left join decisions d on d.about = r.request_id
where r.kind = 'refusal' or r.kind = 'answer' and field(r.leaf, 'finish_reason') = 'content_filter';
comment on view refusals is 'one row per refusal, and per answer that the guard cut short';

create view lessons as
with passes as (
    select
        json_of(leaf) ->> '$.tenant' as tenant, subject, field(leaf, 'lesson') as lesson, ts,
        make_timestamptz(field(leaf, 'expires_us')::bigint) as expires
    from stored where kind = 'pass'
), shown as (
    select *, json_of(leaf) ->> '$.tenant' as tenant, field(leaf, 'lesson') as lesson from stored where kind = 'lesson'
)
select
    s.origin, s.idx, s.ts, s.request_id, s.tenant, s.subject,
    field(s.leaf, 'category') as category,
    share(field(s.leaf, 'score_ppm')) as score,
    s.lesson,
    p.ts is not null as passed, p.ts as passed_ts, p.expires,
    text_of(s.leaf, s.content) as text
from shown s
asof left join passes p
    on p.tenant = s.tenant and p.subject = s.subject and p.lesson = s.lesson and p.ts >= s.ts;
comment on view lessons is 'one row per lesson shown, and the pass that followed it';

create view terms as
select
    t.origin, t.idx, t.ts, json_of(t.leaf) ->> '$.tenant' as tenant, t.subject, json_of(t.leaf) ->> '$.actor' as actor,
    field(t.leaf, 'version') as version,
    field(t.leaf, 'terms_digest') as terms_digest,
    field(t.leaf, 'terms_digest') = p.terms_digest as in_force
from stored t
cross join (select max_by(field(leaf, 'terms_digest'), row(ts, idx)) as terms_digest from stored where kind = 'policy') p
where t.kind = 'terms';
comment on view terms is 'one row per acceptance of the terms';

create view reviews as
with decided as (
    select origin, field(leaf, 'about') as about, max(idx) as idx
    from stored where kind = 'review' and field(leaf, 'decision') in ('uphold', 'overturn')
    group by origin, about
), about as (
    select *, field(leaf, 'about') as about from stored where kind in ('appeal', 'review') and not is_lease(leaf)
)
select
    r.origin, r.idx, r.ts, r.kind, r.request_id, r.about,
    json_of(r.leaf) ->> '$.tenant' as tenant, r.subject, json_of(r.leaf) ->> '$.actor' as actor,
    field(r.leaf, 'decision') as decision,
    field(r.leaf, 'label') as label,
    field(r.leaf, 'expected') as expected,
    field(r.leaf, 'reviewer') as reviewer,
    field(r.leaf, 'means') as means,
    r.kind = 'appeal' and coalesce(d.idx < r.idx, true) as open,
    text_of(r.leaf, r.content) as text
from about r
left join decided d on d.origin = r.origin and d.about = r.about;
comment on view reviews is 'one row per appeal and per reviewer''s decision';

create view findings as
select
    origin, idx, ts, request_id, json_of(leaf) ->> '$.tenant' as tenant, subject, json_of(leaf) ->> '$.actor' as actor,
    field(leaf, 'about') as about,
    field(leaf, 'campaign') as campaign,
    field(leaf, 'attack') as attack,
    field(leaf, 'outcome') as outcome,
    field(leaf, 'category') as category,
    share(field(leaf, 'score_ppm')) as score,
    field(leaf, 'expected') as expected,
    field(leaf, 'severity') as severity,
    coalesce(field(leaf, 'source'), 'tool') as source,
    field(leaf, 'seed') as seed,
    text_of(leaf, content) as text
from stored where kind = 'finding';
comment on view findings is 'one row per attack that was tried or marked';

create view shadows as
select
    s.origin, s.idx, s.ts, field(s.leaf, 'about') as about,
    field(s.leaf, 'guard_digest') as guard_digest,
    field(s.leaf, 'action') as action,
    field(s.leaf, 'category') as category,
    share(field(s.leaf, 'score_ppm')) as score,
    field(r.leaf, 'action') as served
from stored s
left join stored r on r.kind = 'request' and r.request_id = field(s.leaf, 'about')
where s.kind = 'shadow';
comment on view shadows is 'one row per decision of a challenger that nobody acted on';

-- Why something awaits a look. A random hundredth of what was allowed tells what the guard misses.
create view flags as
with judged as (
    select
        e.ts, e.request_id as about, field(e.leaf, 'action') as action, field(e.leaf, 'category') as category,
        e.end_kind = 'answer' and e.finish_reason = 'content_filter' as cut
    from ended e
)
select about, ts, 'flagged' as reason, 1 as weight from judged where action = 'REFUSE' or cut
union all
select about, ts, 'doubt', 2 from judged where action = 'TEACH' and category <> 'dual_use'
union all
select about, ts, 'random', 0 from judged where action = 'ALLOW' and substr(sha256(about), 1, 4) < '028f'
union all
select about, ts, 'disagreement', 3 from shadows where action <> served
union all
select coalesce(about, request_id), ts, 'finding', 4 from findings where outcome not in ('held', 'error')
union all
select field(leaf, 'about'), ts, 'appeal', 5 from stored where kind = 'appeal'
union all
select coalesce(field(leaf, 'about'), request_id), ts, 'alert', 6 from stored where kind = 'alert';

create view review_queue as
with items as (
    select about, min(ts) as ts, max(ts) as stirred, max(weight) as priority, list_sort(list_distinct(list(reason))) as reasons
    from flags group by about
), turns as (
    select
        idx, ts, field(leaf, 'about') as about, field(leaf, 'decision') as decision, field(leaf, 'reviewer') as reviewer,
        field(leaf, 'label') as label, field(leaf, 'expected') as expected,
        make_timestamptz(field(leaf, 'until_us')::bigint) as until
    from stored where kind = 'review'
), labels as (
    select about, count(*) as labels, count(distinct row(label, expected)) as opinions, list_sort(list(reviewer)) as labelled_by
    from (
        select about, reviewer, max_by(label, idx) as label, max_by(expected, idx) as expected
        from turns where decision = 'label' group by about, reviewer
    ) group by about
), standing as (
    select
        about, max(idx) as last, max_by(decision, idx) = 'claim' and max_by(until, idx) > now() as held,
        max_by(reviewer, idx) as reviewer, max_by(until, idx) as until,
        max_by(decision, idx) filter (decision in ('uphold', 'overturn')) as decision,
        max(ts) filter (decision in ('uphold', 'overturn')) as decided
    from turns group by about
), told as (
    -- whoever may append a finding chooses its id: where an exchange has that id, the exchange is the item
    select * from stored
    where kind in ('request', 'finding', 'alert') and request_id in (select about from items)
    qualify row_number() over (partition by request_id order by kind <> 'request', idx) = 1
)
select
    i.about, i.ts, i.ts + to_days(case i.priority when 6 then 1 when 5 then 3 when 4 then 7 else 14 end) as due,
    i.reasons, i.priority, r.origin, r.idx, json_of(r.leaf) ->> '$.tenant' as tenant, r.subject,
    -- of a finding these would tell a reviewer what its author expects
    case when r.kind = 'request' then field(r.leaf, 'action') end as action,
    case when r.kind = 'request' then field(r.leaf, 'category') end as category,
    case when r.kind = 'request' then share(field(r.leaf, 'score_ppm')) end as score,
    case
        when s.decided is not null and not (list_has_any(i.reasons, ['alert', 'appeal']) and i.stirred > s.decided)
            then 'decided'
        when l.labels >= 2 and l.opinions = 1 then 'agreed'
        when l.labels >= 2 then 'disputed'
        when l.labels = 1 then 'labelled'
        else 'open'
    end as state,
    coalesce(l.labels, 0) as labels,
    coalesce(l.labelled_by, []) as labelled_by,
    case when s.held then s.reviewer end as held_by,
    case when s.held then s.until end as held_until,
    coalesce(s.last, -1) as last,
    s.decision
from items i
left join told r on r.request_id = i.about
left join labels l on l.about = i.about
left join standing s on s.about = i.about;
comment on view review_queue is 'one row per exchange, finding or alert that awaits or had a look, with where that stands';

create view alerts as
with decisions as (
    select field(leaf, 'about') as about, max(ts) as ts
    from stored where kind = 'review' and field(leaf, 'decision') in ('uphold', 'overturn') group by about
)
select
    a.origin, a.idx, a.ts, a.request_id, json_of(a.leaf) ->> '$.actor' as actor,
    field(a.leaf, 'rule') as rule,
    field(a.leaf, 'severity') as severity,
    field(a.leaf, 'about') as about,
    share(field(a.leaf, 'value_ppm')) as value,
    -- what was decided before says nothing about an alert that came again
    coalesce(greatest(d.ts, n.ts) < a.ts, true) as open,
    text_of(a.leaf, a.content) as text
from stored a
left join decisions d on d.about = a.request_id
left join decisions n on n.about = field(a.leaf, 'about')
where a.kind = 'alert';
comment on view alerts is 'one row per rule that fired';

create view lineage as
with promotions as (
    select
        origin, idx, ts, field(leaf, 'name') as name, field(leaf, 'model_digest') as model_digest,
        field(leaf, 'base') as base, field(leaf, 'adapter_digest') as adapter_digest,
        (json_of(leaf) -> '$.fields.weights')::json as weights, field(leaf, 'gate') as gate,
        field(leaf, 'dataset_digest') as dataset_digest
    from stored where kind = 'promotion'
), runs as (
    select idx, leaf, field(leaf, 'adapter_digest') as adapter_digest
    from stored where kind = 'run' and field(leaf, 'status') = 'finished'
    qualify row_number() over (partition by adapter_digest order by ts desc, idx desc) = 1
), datasets as (
    select leaf, field(leaf, 'digest') as digest
    from stored where kind = 'dataset'
    qualify row_number() over (partition by digest order by ts desc, idx desc) = 1
), gates as (
    select
        p.origin, p.idx,
        max_by((field(g.leaf, 'passed'))::boolean, row(g.ts, g.idx)) filter (where field(g.leaf, 'name') = p.gate) as passed,
        json_group_array(json_of(g.leaf) -> '$.fields') as results
    from promotions p
    join stored g on field(g.leaf, 'candidate') in (p.model_digest, p.adapter_digest)
    where g.kind = 'gate'
    group by p.origin, p.idx
)
select
    p.origin, p.idx, p.ts, p.name, p.model_digest,
    p.idx = max(p.idx) over (partition by p.origin, p.name) as active,
    p.base, p.adapter_digest, p.weights, p.gate, g.passed as gate_passed, g.results as gates,
    field(r.leaf, 'name') as run,
    field(r.leaf, 'job') as job,
    field(r.leaf, 'config_digest') as config_digest,
    (json_of(r.leaf) -> '$.fields.metrics')::json as metrics,
    coalesce(p.dataset_digest, field(r.leaf, 'dataset_digest')) as dataset_digest,
    field(d.leaf, 'name') as dataset,
    field(d.leaf, 'rows')::bigint as dataset_rows,
    (json_of(d.leaf) -> '$.fields.sources')::json as sources
from promotions p
left join runs r on r.adapter_digest = p.adapter_digest
left join datasets d on d.digest = coalesce(p.dataset_digest, field(r.leaf, 'dataset_digest'))
left join gates g on g.origin = p.origin and g.idx = p.idx;
comment on view lineage is 'one row per promotion, back to run, dataset and sources';

-- Export. The names of other standards live only here: OpenTelemetry's for generative AI are still in development.

create view models as
select field(leaf, 'model_digest') as digest, max_by(field(leaf, 'name'), row(ts, idx)) as name
from stored where kind = 'promotion' group by digest;

create view otel_genai as
select
    e.ts as start_time, e.end_ts as end_time,
    'chat' || coalesce(' ' || m.name, '') as name,
    'CLIENT' as kind,
    case when e.finish_reason in ('fault', 'interrupted') then 'ERROR' else 'UNSET' end as status_code,
    'chat' as "gen_ai.operation.name",
    'preceptor' as "gen_ai.provider.name",
    m.name as "gen_ai.request.model",
    (json_of(e.leaf) ->> '$.fields.params.max_tokens')::bigint as "gen_ai.request.max_tokens",
    share(json_of(e.leaf) ->> '$.fields.params.temperature_ppm') as "gen_ai.request.temperature",
    share(json_of(e.leaf) ->> '$.fields.params.top_p_ppm') as "gen_ai.request.top_p",
    try_cast(json_of(e.leaf) ->> '$.fields.params.seed' as bigint) as "gen_ai.request.seed",
    field(e.leaf, 'stream')::boolean as "gen_ai.request.stream",
    e.request_id as "gen_ai.response.id",
    m.name as "gen_ai.response.model",
    case when e.finish_reason is not null then [e.finish_reason] end as "gen_ai.response.finish_reasons",
    (json_of(e.end_leaf) ->> '$.fields.usage.prompt_tokens')::bigint as "gen_ai.usage.input_tokens",
    (json_of(e.end_leaf) ->> '$.fields.usage.completion_tokens')::bigint as "gen_ai.usage.output_tokens",
    case when e.finish_reason in ('fault', 'interrupted') then coalesce(field(e.end_leaf, 'cause'), 'deadline') end
        as "error.type",
    e.subject as "enduser.pseudo.id",
    e.origin as "preceptor.origin",
    e.idx as "preceptor.idx",
    json_of(e.leaf) ->> '$.tenant' as "preceptor.tenant",
    field(e.leaf, 'action') as "preceptor.action",
    field(e.leaf, 'category') as "preceptor.category",
    field(e.leaf, 'model_digest') as "preceptor.model_digest",
    field(e.leaf, 'policy_digest') as "preceptor.policy_digest"
from ended e
left join models m on m.digest = field(e.leaf, 'model_digest');
comment on view otel_genai is 'export: each exchange as a span with OpenTelemetry GenAI names; no text';

create view ocsf as
with events as (
    select
        s.*, epoch_ms(s.ts) as time, m.name as model, leaf_hash(s.leaf) as fingerprint,
        case when s.kind in ('erase', 'prune', 'revocation') then 4 when s.kind = 'access' then 2 else 1 end
            as activity_id,
        case field(s.leaf, 'severity') when 'critical' then 5 when 'warning' then 3 else 1 end as severity_id
    from stored s
    left join models m on m.digest = field(s.leaf, 'model_digest')
)
select
    ts, idx as uid, origin as chain_uid, fingerprint, 6003 as class_uid, activity_id, 600300 + activity_id as type_uid,
    severity_id, kind, request_id,
    json_merge_patch('{}', json_object(
        'category_uid', 6, 'class_uid', 6003, 'activity_id', activity_id, 'type_uid', 600300 + activity_id,
        'severity_id', severity_id, 'time', time,
        'metadata', json_object(
            'version', '1.9.0', 'profiles', ['ai_operation', 'record_integrity'], 'uid', origin || '/' || idx,
            'log_name', origin, 'sequence', idx,
            'product', json_object('name', 'Preceptor', 'vendor_name', 'Preceptor')
        ),
        'actor', json_object(
            'app_name', json_of(leaf) ->> '$.actor',
            'user', case when subject is not null then json_object('uid', subject) end
        ),
        'src_endpoint', json_object('name', json_of(leaf) ->> '$.actor'),
        'api', json_object(
            'operation', kind, 'request', json_object('uid', request_id),
            'service', json_object('name', 'preceptor')
        ),
        'ai_model', case when field(leaf, 'model_digest') is not null then json_object(
            'ai_provider', 'preceptor', 'name', coalesce(model, 'unnamed'), 'uid', field(leaf, 'model_digest')
        ) end,
        'message_context', case when kind in ('request', 'answer') then json_object(
            'uid', request_id, 'service', json_object('name', 'preceptor'),
            'ai_role_id', case kind when 'request' then 1 else 2 end,
            'prompt_tokens', (json_of(leaf) ->> '$.fields.usage.prompt_tokens')::bigint,
            'completion_tokens', (json_of(leaf) ->> '$.fields.usage.completion_tokens')::bigint
        ) end,
        'attestation_list', [json_object(
            'uid', idx::varchar, 'chain_uid', origin, 'authority_uid', regexp_replace(origin, '/[^/]*$', ''),
            'fingerprint', json_object(
                'algorithm_id', 3, 'algorithm', 'SHA-256', 'value', fingerprint,
                'serialization_id', 99, 'serialization', 'RFC 6962 leaf'
            )
        )],
        'unmapped', json_object('kind', kind, 'fields', json_of(leaf) -> '$.fields')
    ))::json as event
from events;
comment on view ocsf is 'export: each record as an OCSF 1.9 API Activity event; no text';
