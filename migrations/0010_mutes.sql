-- Person and reason of a mute stand in the mute only, where an erasure can remove them; its alert names the mute by number.
DROP TRIGGER outbox_sealed;

UPDATE outbox SET details = json_set(json_remove(details, '$.reason', '$.counts.person'), '$.mute',
  (SELECT max(m.id) FROM mute m
   WHERE outbox.attribute = m.sink || ' ' || coalesce(m.class, 'all') || ' ' || m.since || ' ' || m.until))
WHERE class = 'alerts-muted';

CREATE TRIGGER outbox_sealed BEFORE UPDATE ON outbox
BEGIN SELECT raise(ABORT, 'an alert is not changed'); END;

DROP TRIGGER mute_sealed;

CREATE TRIGGER mute_sealed BEFORE UPDATE OF id, sink, class, contract, since, until ON mute
BEGIN SELECT raise(ABORT, 'a mute is taken back, never edited'); END;

CREATE TRIGGER mute_erased BEFORE UPDATE OF person, reason ON mute
WHEN new.person NOT IN (old.person, '') OR new.reason NOT IN (old.reason, '')
BEGIN SELECT raise(ABORT, 'person and reason of a mute are erased, never edited'); END;
