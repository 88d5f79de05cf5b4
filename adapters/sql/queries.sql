-- Every statement of the store but its schema: `-- name:`, a sentence, the SQL. Names beginning with `only_` are conditions that a query
-- of rows is completed with; all others run as they stand. Bindings are named; a test prepares each one.

-- name: draw
-- The next number of a sequence.
INSERT INTO sequence (name, last) VALUES (:name, 1) ON CONFLICT (name) DO UPDATE SET last = last + 1 RETURNING last;

-- ---------------------------------------------------------------------------------------------------------------- deposits and flows

-- name: flow_rows
-- Flows; completed with conditions.
SELECT number, partner, box, channel, name, sha256, size, state, generation, received_at, interface, linked_to, attempts, reason, findings,
       members
FROM flow

-- name: only_flow_number
-- The flow of that number.
number = :number

-- name: only_flow_bytes
-- Flows of the same bytes in the same box.
sha256 = :sha256 AND partner = :partner AND box = :box

-- name: only_flow_name
-- Flows taken under that very name.
partner = :partner AND box = :box AND name = :name

-- name: only_flow_deposit
-- The flow that a transport act was given.
number = (SELECT flow FROM deposit WHERE partner = :partner AND channel = :channel AND transport_id = :transport_id)

-- name: only_flow_states
-- Flows in one of the states.
state IN (SELECT value FROM json_each(:states))

-- name: only_flow_partner
-- Flows of one partner.
partner = :partner

-- name: only_flow_since
-- Flows received from then on.
received_us >= :since

-- name: only_flow_due
-- Flows that may be worked on at that time. No pause lasts a quarter of an hour (gateway/retry.py): beyond that, the clock was set back.
(not_before_us <= :due OR not_before_us > :due + 900000000)

-- name: only_flow_closable
-- Delivered flows of whose deliveries every one that holds an invoice is answered.
state = 'delivered' AND NOT EXISTS (SELECT 1 FROM delivery_flow l WHERE l.flow = flow.number AND l.invoices > 0 AND l.answered = 0)

-- name: add_flow
-- A flow as received.
INSERT INTO flow (number, partner, box, channel, name, sha256, size, state, generation, received_at, received_us, interface, linked_to,
                  attempts, reason, findings, members)
VALUES (:number, :partner, :box, :channel, :name, :sha256, :size, :state, :generation, :received_at, :received_us, :interface, :linked_to,
        :attempts, :reason, :findings, :members);

-- name: add_deposit
-- An act of deposit and the flow that answers it.
INSERT INTO deposit (partner, channel, transport_id, box, name, flow, again, at)
VALUES (:partner, :channel, :transport_id, :box, :name, :flow, :again, :at);

-- name: waiting_before
-- How many flows that wait for us were received before this one.
SELECT count(*) FROM flow
WHERE state IN ('received', 'opened', 'validated', 'inadmissible') AND id < (SELECT id FROM flow WHERE number = :number);

-- name: received_since
-- How many flows of a partner, and how many bytes, were received from then on.
SELECT count(*), coalesce(sum(size), 0) FROM flow WHERE partner = :partner AND received_us >= :since;

-- name: move_flow
-- A flow's next state and values, if nobody moved it meanwhile; it is due at once.
UPDATE flow
SET state = :state, generation = :generation, interface = :interface, attempts = coalesce(:attempts, attempts), reason = :reason, findings = :findings,
    members = :members, not_before_us = 0
WHERE number = :number AND state = :old_state AND generation = :old_generation RETURNING attempts;

-- name: begin_attempt
-- One attempt more, if nobody moved the flow meanwhile.
UPDATE flow SET attempts = attempts + 1 WHERE number = :number AND state = :state AND generation = :generation RETURNING attempts;

-- name: forgive
-- No attempt counts any more.
UPDATE flow SET attempts = 0 WHERE number = :number;

-- name: postpone
-- Not before then, and why.
UPDATE flow SET not_before_us = :until, reason = :why WHERE number = :number AND state = :state AND generation = :generation;

-- name: chain_head
-- The last event of a flow.
SELECT n, hash FROM event WHERE flow = :flow ORDER BY n DESC LIMIT 1;

-- name: add_event
-- One more event at the end of a flow's chain.
INSERT INTO event (flow, n, at, who, what, detail, previous, hash) VALUES (:flow, :n, :at, :who, :what, :detail, :previous, :hash);

-- name: history
-- A flow's events, oldest first.
SELECT flow, n, at, who, what, detail, previous, hash FROM event WHERE flow = :flow ORDER BY n;

-- name: flow_numbers
-- Every flow's number, in order of reception.
SELECT number FROM flow ORDER BY id;

-- name: known_blobs
-- The hash of every content that a row points to.
SELECT sha256 FROM flow UNION SELECT sha256 FROM delivery WHERE sha256 <> '' UNION SELECT sha256 FROM inbox;

-- ------------------------------------------------------------------------------------------------------------------------- invoices

-- name: invoice_rows
-- Invoices with their packs; completed with conditions.
SELECT i.id, i.flow, i.position, i.document, i.member, i.sha256, i.syntax, i.interface, i.facts, i.verdict, i.findings, p.packs,
       i.generation, i.segment_offset, i.segment_length, i.segment_crc, i.segment_size, i.size, i.held, i.status, i.status_at, i.delivery
FROM invoice i JOIN pack_set p ON p.digest = i.packs

-- name: only_invoice_after
-- Rows past that one, in order of flow and position.
(i.flow, i.position) > (:last_flow, :last_position)

-- name: only_invoice_position_after
-- Positions above that.
i.position > :after

-- name: only_invoice_flow
-- Rows of one flow.
i.flow = :flow

-- name: only_invoice_position
-- The row at one position.
i.position = :position

-- name: only_invoice_number
-- Rows of one invoice number.
i.number = :number

-- name: only_invoice_supplier
-- Rows of one supplier's identifier.
i.supplier = :supplier

-- name: only_invoice_status
-- Rows whose present status is that.
i.status <> '' AND i.status = :status

-- name: only_invoice_delivery
-- Rows on one delivery.
i.delivery <> '' AND i.delivery = :delivery

-- name: only_invoice_delivered
-- Accepted rows that were put on a delivery.
i.delivery <> '' AND i.verdict = 'accepted'

-- name: only_invoice_year
-- Rows issued in one year.
substr(i.issue_date, 1, 4) = :year

-- name: rows_there
-- Which positions of a range exist, and whether the State holds, may hold or will get the invoice.
SELECT i.position, EXISTS (SELECT 1 FROM live_invoice l WHERE l.flow = i.flow AND l.position = i.position)
FROM invoice i WHERE i.flow = :flow AND i.position BETWEEN :low AND :high;

-- name: put_invoice
-- A row with its verdict; one that exists is judged anew and leaves its delivery (rows with a live one are never given).
INSERT INTO invoice (flow, position, document, generation, verdict, held, number, supplier, issue_date, total, currency, member, sha256,
                     size, syntax, interface, segment_offset, segment_length, segment_crc, segment_size, packs, findings, facts)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (flow, position) DO UPDATE SET
  document = excluded.document, generation = excluded.generation, verdict = excluded.verdict, held = excluded.held,
  number = excluded.number, supplier = excluded.supplier, issue_date = excluded.issue_date, total = excluded.total,
  currency = excluded.currency,
  member = excluded.member, sha256 = excluded.sha256, size = excluded.size, syntax = excluded.syntax, interface = excluded.interface,
  segment_offset = excluded.segment_offset, segment_length = excluded.segment_length, segment_crc = excluded.segment_crc,
  segment_size = excluded.segment_size, packs = excluded.packs, findings = excluded.findings, facts = excluded.facts, delivery = '';

-- name: put_packs
-- A list of packs, once.
INSERT INTO pack_set (digest, packs) VALUES (:digest, :packs) ON CONFLICT (digest) DO NOTHING;

-- name: reserve_key
-- The key for this invoice, unless another one holds it.
INSERT INTO invoice_key (supplier, year, alike, number, flow, position) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (supplier, year, alike, number) DO NOTHING;

-- name: reserved_positions
-- Which positions of a range hold their key.
SELECT position FROM invoice_key WHERE flow = :flow AND position BETWEEN :low AND :high;

-- name: free_key
-- The key of one invoice is free again.
DELETE FROM invoice_key WHERE flow = :flow AND position = :position;

-- name: key_holder
-- Which invoice holds a key.
SELECT flow, position FROM invoice_key WHERE supplier = :supplier AND year = :year AND alike = :alike AND number = :number;

-- name: look_alikes
-- Keys of a partner's other invoices, earlier than each of a range of a flow's, whose numbers are the same but for case, zeros and separators.
SELECT mine.position, other.number FROM invoice_key mine
JOIN invoice_key other ON other.supplier = mine.supplier AND other.year = mine.year AND other.alike = mine.alike AND other.number <> mine.number
JOIN flow ON flow.number = other.flow AND flow.partner = :partner
WHERE mine.flow = :flow AND mine.position BETWEEN :low AND :high AND (other.flow <> mine.flow OR other.position < mine.position)
ORDER BY mine.position, flow.id, other.position;

-- name: progress
-- Where validation of a flow stands.
SELECT judged_generation, judged_documents, judged_last, judged_position FROM flow WHERE number = :number;

-- name: set_progress
-- Where validation of a flow stands now, if nobody moved it meanwhile.
UPDATE flow
SET judged_generation = :generation, judged_documents = :documents, judged_last = :last, judged_position = :position
WHERE number = :number AND state = :state AND generation = :generation;

-- name: reset_progress
-- Validation starts from the first document.
UPDATE flow SET judged_generation = 0, judged_documents = 0, judged_last = 0, judged_position = 0 WHERE number = :number;

-- name: update_verdict
-- Another verdict for a row that exists.
UPDATE invoice SET verdict = :verdict, held = :held, findings = :findings WHERE flow = :flow AND position = :position;

-- name: drop_keys
-- The keys of a flow's invoices without live delivery are free again.
DELETE FROM invoice_key WHERE flow = :flow AND position NOT IN (SELECT position FROM live_invoice WHERE flow = :flow);

-- name: drop_rows
-- A flow's invoices without live delivery are forgotten.
DELETE FROM invoice WHERE flow = :flow AND position NOT IN (SELECT position FROM live_invoice WHERE flow = :flow);

-- name: counts
-- How many invoices of a flow, by verdict and by the state of their delivery.
SELECT i.verdict, coalesce((SELECT d.state FROM delivery d WHERE d.name = i.delivery), ''), count(*)
FROM invoice i WHERE i.flow = :flow GROUP BY i.verdict, i.delivery;

-- name: totals
-- Amounts and present statuses of a flow's invoices, with what tells whether the State has them.
SELECT i.verdict, i.currency, i.total, i.status, coalesce(d.state, ''), r.flow IS NOT NULL
FROM invoice i LEFT JOIN delivery d ON d.name = i.delivery
LEFT JOIN refusal r ON r.delivery = i.delivery AND r.flow = i.flow AND r.position = i.position
WHERE i.flow = :flow;

-- name: integrated_invoices
-- How many accepted invoices of the flow stand on an answered delivery that has not refused them.
SELECT count(*) FROM live_invoice JOIN invoice USING (flow, position) JOIN delivery ON delivery.name = invoice.delivery
 WHERE invoice.flow = :flow AND invoice.verdict = 'accepted' AND delivery.state IN ('confirmed', 'partial');

-- name: live_invoices
-- How many accepted invoices of the flow the State holds, may hold or will get.
SELECT count(*) FROM invoice WHERE flow = :flow AND verdict = 'accepted' AND position IN (SELECT position FROM live_invoice WHERE flow = :flow);

-- name: unrejected
-- Whether an invoice of the flow is accepted or held and not refused by the State; `live`: only those that the State has or will have.
SELECT EXISTS (SELECT 1 FROM live_invoice WHERE flow = :flow)
    OR NOT :live AND EXISTS (SELECT 1 FROM invoice WHERE flow = :flow AND verdict IN ('accepted', 'held') AND delivery = '');

-- ------------------------------------------------------------------------------------------------------------------------- deliveries

-- name: delivery_rows
-- Deliveries; completed with conditions.
SELECT name, number, destination, partner, interface, state, opened_at, invoices, documents, size, sha256, attempt, step, sent_at,
       answered_at, detail, changed_at
FROM delivery

-- name: only_delivery_name
-- The delivery of that name.
name = :name

-- name: only_delivery_number
-- The delivery of that 25-character number.
number = :number

-- name: only_delivery_states
-- Deliveries in one of the states.
state IN (SELECT value FROM json_each(:states))

-- name: only_delivery_flow
-- Deliveries that hold or held an invoice of the flow.
name IN (SELECT delivery FROM delivery_flow WHERE flow = :flow)

-- name: only_delivery_destination
-- Deliveries towards one destination.
destination = :destination

-- name: only_delivery_open
-- The planned deliveries of one partner, interface and destination.
state = 'planned' AND destination = :destination AND partner = :partner AND interface = :interface

-- name: add_delivery
-- A delivery as planned.
INSERT INTO delivery (name, number, destination, partner, interface, state, opened_at, invoices, documents, size, sha256, attempt, step,
                      sent_at, answered_at, detail, changed_at)
VALUES (:name, :number, :destination, :partner, :interface, :state, :opened_at, :invoices, :documents, :size, :sha256, :attempt, :step,
        :sent_at, :answered_at, :detail, :changed_at);

-- name: grow_delivery
-- More invoices on a delivery that is still planned.
UPDATE delivery SET invoices = invoices + :invoices, documents = documents + :documents, size = size + :size
WHERE name = :name AND state = 'planned';

-- name: assign_invoice
-- An accepted invoice goes from one delivery ('' for none) to another.
UPDATE invoice SET delivery = :delivery WHERE flow = :flow AND position = :position AND delivery = :old AND verdict = 'accepted';

-- name: join_delivery
-- A flow has so many invoices more on a delivery.
INSERT INTO delivery_flow (flow, delivery, invoices) VALUES (:flow, :delivery, :invoices)
ON CONFLICT (flow, delivery) DO UPDATE SET invoices = invoices + excluded.invoices;

-- name: move_delivery
-- A delivery's next state and values, if nobody moved it meanwhile.
UPDATE delivery
SET state = :state, sha256 = :sha256, size = :size, attempt = :attempt, step = :step, sent_at = :sent_at, answered_at = :answered_at,
    detail = :detail, changed_at = :changed_at
WHERE name = :name AND state = :old_state AND attempt = :old_attempt;

-- name: set_step
-- The protocol step about to be taken, if nobody moved the delivery meanwhile.
UPDATE delivery SET step = :step WHERE name = :name AND state = :state AND attempt = :attempt;

-- name: answer_delivery
-- The State has answered: no flow waits for this delivery any more.
UPDATE delivery_flow SET answered = 1 WHERE delivery = :delivery;

-- name: begin_delivery_attempt
-- The intent of one attempt.
INSERT INTO attempt (delivery, n, started_at, step) VALUES (:delivery, :n, :at, :step)
ON CONFLICT (delivery, n) DO UPDATE SET step = excluded.step, outcome = '';

-- name: step_delivery_attempt
-- How far an attempt has come.
UPDATE attempt SET step = :step WHERE delivery = :delivery AND n = :n;

-- name: end_delivery_attempt
-- What came of an attempt, as far as it is known now.
UPDATE attempt SET outcome = :outcome, ended_at = :at, detail = :detail WHERE delivery = :delivery AND n = :n;

-- name: attempts
-- The attempts of a delivery, oldest first.
SELECT n, started_at, step, outcome, ended_at, detail FROM attempt WHERE delivery = :delivery ORDER BY n;

-- name: refuse_invoice
-- What the State says of one invoice of a delivery.
INSERT INTO refusal (delivery, flow, position, lines) VALUES (:delivery, :flow, :position, :lines)
ON CONFLICT (delivery, flow, position) DO NOTHING;

-- name: refused
-- The present refusals of a flow's invoices: those of the delivery that holds them.
SELECT r.position, r.lines FROM refusal r JOIN invoice i ON i.flow = r.flow AND i.position = r.position AND i.delivery = r.delivery
WHERE r.flow = :flow ORDER BY r.position;

-- name: refusals
-- How many invoices of a delivery the State's report refused, whatever became of them since.
SELECT count(*) FROM refusal WHERE delivery = :delivery;

-- name: flows_of_delivery
-- The flows with an invoice on a delivery.
SELECT flow FROM delivery_flow WHERE delivery = :delivery AND invoices > 0 ORDER BY flow;

-- name: unanswered
-- How many deliveries that hold an invoice of the flow the State has not answered.
SELECT count(*) FROM delivery_flow WHERE flow = :flow AND invoices > 0 AND answered = 0;

-- name: release_refused
-- Invoices that the State refused wait for a delivery again.
UPDATE invoice SET delivery = ''
WHERE flow = :flow AND delivery <> '' AND position NOT IN (SELECT position FROM live_invoice WHERE flow = :flow);

-- name: release_all
-- Every invoice of the flow waits for a delivery again, whatever the State holds; planned and sealed deliveries keep theirs.
UPDATE invoice SET delivery = '' WHERE flow = :flow AND delivery <> ''
AND (SELECT d.state FROM delivery d WHERE d.name = invoice.delivery) NOT IN ('planned', 'sealed');

-- name: recount_deliveries
-- How many invoices of the flow each of its deliveries holds now.
UPDATE delivery_flow
SET invoices = (SELECT count(*) FROM invoice i WHERE i.delivery <> '' AND i.delivery = delivery_flow.delivery AND i.flow = :flow)
WHERE flow = :flow;

-- ----------------------------------------------------------------------------------------------------------------------------- outbox

-- name: return_rows
-- Owed returns with their bytes; completed with conditions.
SELECT sequence, partner, box, flow, kind, name, body, key, owed_at, written_at FROM outbox

-- name: only_return_pending
-- Returns not yet written.
written_at IS NULL

-- name: only_return_flow
-- Returns of one flow.
flow = :flow

-- name: only_return_without
-- Returns of other boxes than these, each given as box/partner.
box || '/' || partner NOT IN (SELECT value FROM json_each(:without))

-- name: only_return_partner
-- Returns of one partner.
partner = :partner

-- name: only_return_after
-- Returns owed after one of them.
sequence > :after

-- name: only_return_kind
-- Returns of one kind.
kind = :kind

-- name: owe
-- A file owed to a partner, unless its key was owed before.
INSERT INTO outbox (key, partner, box, flow, kind, name, owed_at, body) VALUES (:key, :partner, :box, :flow, :kind, :name, :owed_at, :body)
ON CONFLICT (key) DO NOTHING;

-- name: is_owed
-- Whether a file was owed under that key.
SELECT 1 FROM outbox WHERE key = :key;

-- name: mark_written
-- The file is in the partner's box.
UPDATE outbox SET written_at = :at WHERE key = :key;

-- name: owe_again
-- Every return of the flow is to be written again.
UPDATE outbox SET written_at = NULL WHERE flow = :flow;

-- ------------------------------------------------------------------------------------------------------------------- references

-- name: await_file
-- A file that a message names, unless the same act named it before.
INSERT INTO reference (partner, channel, transport_id, box, name, file, sha256, size, at)
VALUES (:partner, :channel, :transport_id, :box, :name, :file, :sha256, :size, :at)
ON CONFLICT (partner, channel, transport_id) DO NOTHING;

-- name: awaited_files
-- What a partner's messages name and has not come, oldest first.
SELECT partner, box, channel, transport_id, name, file, sha256, size, at FROM reference WHERE partner = :partner ORDER BY id;

-- name: file_answered
-- It came, or its time is over.
DELETE FROM reference WHERE partner = :partner AND channel = :channel AND transport_id = :transport_id;

-- ------------------------------------------------------------------------------------------------------------ what the State tells

-- name: take
-- A file read from the State, unless it was taken before.
INSERT INTO inbox (source, external_id, sha256, size, at) VALUES (:source, :external_id, :sha256, :size, :at)
ON CONFLICT (source, external_id) DO NOTHING;

-- name: add_status
-- A status of an invoice, unless it is known; the partner is the flow's.
INSERT INTO status (flow, position, partner, code, at, news, received_at, source)
SELECT number, :position, partner, :code, :at, :news, :received_at, :source FROM flow WHERE number = :flow
ON CONFLICT (flow, position, code, at) DO NOTHING;

-- name: set_status
-- The invoice's present status.
UPDATE invoice SET status = :code, status_at = :at WHERE flow = :flow AND position = :position;

-- name: status_rows
-- Statuses as kept; completed with conditions.
SELECT id, flow, position, partner, news, received_at, source, told FROM status

-- name: only_status_invoice
-- Statuses of one invoice.
flow = :flow AND position = :position

-- name: only_status_owed
-- Statuses not yet told to their partner.
told = ''

-- name: only_status_without
-- Statuses of other partners than these.
partner NOT IN (SELECT value FROM json_each(:without))

-- name: mark_told
-- The partner was told of a status by that return.
UPDATE status SET told = :key WHERE id = :id;

-- name: keep_stray
-- Something from the State that fits nothing.
INSERT INTO stray (source, kind, detail, at, at_us) VALUES (:source, :kind, :detail, :at, :at_us);

-- name: strays
-- Strays from then on, oldest first.
SELECT id, source, kind, detail, at FROM stray WHERE at_us >= :since ORDER BY id;

-- -------------------------------------------------------------------------------------------------------------------------- directory

-- name: empty_directory
-- No recipient is known.
DELETE FROM recipient;

-- name: add_recipient
-- One structure with its services; the last one of the same SIRET counts.
INSERT INTO recipient (siret, name, active, service_required, engagement_required, services) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (siret) DO UPDATE SET name = excluded.name, active = excluded.active, service_required = excluded.service_required,
  engagement_required = excluded.engagement_required, services = excluded.services;

-- name: add_import
-- A directory file was imported.
INSERT INTO directory_import (at, file, sha256, recipients) SELECT :at, :file, :sha256, count(*) FROM recipient RETURNING recipients;

-- name: last_import
-- The import in force.
SELECT at, file, sha256, recipients FROM directory_import ORDER BY id DESC LIMIT 1;

-- name: recipient
-- One structure.
SELECT siret, name, active, service_required, engagement_required, services FROM recipient WHERE siret = :siret;

-- ---------------------------------------------------------------------------------------------------------------- life of the store

-- name: something_waits
-- Whether anything waits for us to work; `at`: flows postponed past that time do not.
SELECT EXISTS (SELECT 1 FROM flow WHERE state IN ('received', 'opened', 'validated', 'inadmissible') AND not_before_us <= :at)
    OR EXISTS (SELECT 1 FROM delivery WHERE state IN ('planned', 'sealed', 'sending'))
    OR EXISTS (SELECT 1 FROM outbox WHERE written_at IS NULL)
    OR EXISTS (SELECT 1 FROM status WHERE told = '')
    OR EXISTS (SELECT 1 FROM flow WHERE state = 'delivered' AND not_before_us <= :at
               AND NOT EXISTS (SELECT 1 FROM delivery_flow l WHERE l.flow = flow.number AND l.invoices > 0 AND l.answered = 0));
