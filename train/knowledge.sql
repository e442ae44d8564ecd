-- The views of a knowledge base. `records`, `relations` and `quarantine` are its Parquet files; docs/knowledge.md says
-- what the columns mean. Everything below shows what its publishers stand behind; what they withdrew is in `records`.

create view latest as
    select * from records
    qualify row_number() over (partition by source, id order by modified desc, member desc, start desc) = 1;
comment on view latest is 'of each source''s records with one id, the one changed last, whatever its status';

create view things as
    select * from latest where status = 'live'
    qualify row_number() over (partition by id order by modified desc, source) = 1;
comment on view things is 'live records, one per id: of several sources the one changed last';

create view links as
    select subject, predicate, object, first(text order by length(text) desc, text) as text
    from relations r where status = 'live' and not exists (
        select 1 from (select source, member, start, id from records except select source, member, start, id from latest) old
        where old.source = r.source and old.member = r.member and old.start = r.start)
    group by subject, predicate, object;
comment on view links is 'live relations, each once with its longest text; none that an older version of a record stated';

create view cves as
    select id, name, text, status, modified, url, facts['published'][1] as published, facts['assigner'][1] as assigner,
        facts['vendor'] as vendors, facts['product'] as products, facts['cvss_vector'] as cvss_vectors,
        facts['cvss_score'] as cvss_scores, facts['severity'] as severities, facts['ssvc'] as ssvc,
        facts['reference'] as refs
    from latest where kind = 'cve';
comment on view cves is 'CVE records, the rejected ones too';

create view exploited as
    select id[5:] as cve, name, text, facts['vendor'][1] as vendor, facts['product'][1] as product,
        facts['added'][1]::date as added, facts['due'][1]::date as due, facts['action'][1] as action,
        facts['ransomware'][1] as ransomware
    from things where kind = 'exploited';
comment on view exploited is 'the known exploited vulnerabilities of CISA''s catalogue';

create view weaknesses as
    select id, name, text, facts['abstraction'][1] as abstraction, facts['extended'][1] as extended,
        facts['mitigation'] as mitigations, facts['detection'] as detections, facts['consequence'] as consequences, url
    from things where kind = 'weakness';
comment on view weaknesses is 'CWE''s weaknesses';

create view attack_patterns as
    select id, name, text, facts['severity'][1] as severity, facts['likelihood'][1] as likelihood,
        facts['prerequisite'] as prerequisites, facts['skill'] as skills, url
    from things where kind = 'attack_pattern';
comment on view attack_patterns is 'CAPEC''s attack patterns';

create view techniques as
    select t.id, t.name, t.text, t.source, t.facts['platform'] as platforms, t.url,
        (select list(distinct l.object order by l.object) from links l
         where l.subject = t.id and l.predicate = 'in_tactic') as tactics
    from things t where kind = 'technique';
comment on view techniques is 'techniques of ATT&CK and ATLAS';

create view mitigations as
    select l.object as technique, t.name as technique_name, m.id, m.name, l.text as how, m.source
    from links l join things m on m.id = l.subject join things t on t.id = l.object
    where l.predicate in ('mitigates', 'counters');
comment on view mitigations is 'what helps against a technique or attack pattern: mitigations, and D3FEND''s defences';

create view detections as
    select l.object as technique, t.name as technique_name, d.id, d.name, d.kind, d.text, d.facts['logic'][1] as logic
    from links l join things d on d.id = l.subject join things t on t.id = l.object
    where l.predicate = 'detects';
comment on view detections is 'what notices a technique: detection strategies, Sigma rules, data components';

create view analytics as
    select l.object as strategy, a.id, a.text, a.facts['platform'] as platforms, a.facts['log_source'] as log_sources,
        a.facts['mutable'] as tuned_by
    from links l join things a on a.id = l.subject where l.predicate = 'part_of' and a.kind = 'analytic';
comment on view analytics is 'the analytics of each ATT&CK detection strategy';

create view actors as
    select a.id, a.kind, a.name, a.facts['alias'] as aliases, t.id as technique, t.name as technique_name, l.text as how
    from links l join things a on a.id = l.subject join things t on t.id = l.object
    where l.predicate = 'uses' and t.kind = 'technique';
comment on view actors is 'which groups, campaigns, malware and tools use which technique';

create view rules as
    select id, name, text, facts['level'][1] as level, facts['logsource'] as logsource, facts['logic'][1] as logic,
        facts['false_positive'] as false_positives
    from things where kind = 'rule';
comment on view rules is 'Sigma rules';

create view guides as
    select id, source, facts['page'][1] as page, facts['section'][1] as section, name, text, url
    from things where kind in ('guide', 'requirement');
comment on view guides is 'sections of OWASP''s guides, requirements of ASVS';

create view paths as
    select v.subject as cve, v.object as cwe, p.subject as capec, m.object as technique, h.subject as mitigation
    from links v join links p on p.object = v.object and p.predicate = 'exploits'
    left join links m on m.subject = p.subject and m.predicate = 'maps_to'
    left join links h on h.object = m.object and h.predicate = 'mitigates'
    where v.predicate = 'has_weakness';
comment on view paths is 'CVE -> CWE -> CAPEC -> ATT&CK technique -> mitigation, as far as the feeds lead';
