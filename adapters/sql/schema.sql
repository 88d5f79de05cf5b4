-- The store as a new site gets it; it says nothing of how an older one comes here (migrations/ does, and a test compares the two).
-- Times are kept twice where they order or filter: ISO 8601 text with offset for people, microseconds since 1970 for the engine.
-- Order is the engine's own sequence (id), never the wall clock (reliability.md 2.1, I8).

-- What we know of ourselves: one value a name.
CREATE TABLE meta (
  name  TEXT PRIMARY KEY,
  value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Named counters; a number drawn in a transaction that is rolled back is drawn again.
CREATE TABLE sequence (
  name TEXT PRIMARY KEY,
  last INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- A deposit in our custody and its progress. judged_*: where validation of the present generation stands.
CREATE TABLE flow (
  id                INTEGER PRIMARY KEY,
  number            TEXT NOT NULL UNIQUE,
  partner           TEXT NOT NULL,
  box               TEXT NOT NULL,
  channel           TEXT NOT NULL,
  name              TEXT NOT NULL,
  sha256            TEXT NOT NULL,
  size              INTEGER NOT NULL,
  state             TEXT NOT NULL,
  generation        INTEGER NOT NULL,
  received_at       TEXT NOT NULL,
  received_us       INTEGER NOT NULL,
  interface         TEXT NOT NULL,
  linked_to         TEXT NOT NULL,
  attempts          INTEGER NOT NULL,
  reason            TEXT NOT NULL,
  findings          TEXT,
  members           INTEGER NOT NULL,
  not_before_us     INTEGER NOT NULL DEFAULT 0,
  judged_generation INTEGER NOT NULL DEFAULT 0,
  judged_documents  INTEGER NOT NULL DEFAULT 0,
  judged_last       INTEGER NOT NULL DEFAULT 0,
  judged_position   INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX flow_in_state ON flow (state, partner, not_before_us, received_us);
CREATE INDEX flow_of_bytes ON flow (sha256, partner, box);
CREATE INDEX flow_named ON flow (partner, box, name);
CREATE INDEX flow_received ON flow (received_us);

-- The acts of deposit: one transport act gives one flow for ever (reliability.md 2.2).
CREATE TABLE deposit (
  id           INTEGER PRIMARY KEY,
  partner      TEXT NOT NULL,
  channel      TEXT NOT NULL,
  transport_id TEXT NOT NULL,
  box          TEXT NOT NULL,
  name         TEXT NOT NULL,
  flow         TEXT NOT NULL REFERENCES flow (number),
  again        INTEGER NOT NULL,
  at           TEXT NOT NULL,
  UNIQUE (partner, channel, transport_id)
) STRICT;
CREATE INDEX deposit_flow ON deposit (flow);

-- What happened to a flow, append-only; each event carries the hash of the one before it.
CREATE TABLE event (
  flow     TEXT NOT NULL REFERENCES flow (number),
  n        INTEGER NOT NULL,
  at       TEXT NOT NULL,
  who      TEXT NOT NULL,
  what     TEXT NOT NULL,
  detail   TEXT NOT NULL,
  previous TEXT NOT NULL,
  hash     TEXT NOT NULL,
  PRIMARY KEY (flow, n)
) STRICT, WITHOUT ROWID;

-- The packs that judged, by digest of their list: thousands of invoices share one row.
CREATE TABLE pack_set (
  digest TEXT PRIMARY KEY,
  packs  TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- One invoice of a flow: our verdict, the State's status, its delivery: three axes, never one field. A plain rowid table, for rows of
-- about a kilobyte spill out of a WITHOUT ROWID tree. `facts` is the Invoice as JSON without what it does not say; the columns
-- before it repeat what is searched and summed.
CREATE TABLE invoice (
  id             INTEGER PRIMARY KEY,
  flow           TEXT NOT NULL REFERENCES flow (number),
  position       INTEGER NOT NULL,
  document       INTEGER NOT NULL,
  generation     INTEGER NOT NULL,
  verdict        TEXT NOT NULL,
  held           TEXT NOT NULL,
  status         TEXT NOT NULL DEFAULT '',
  status_at      TEXT NOT NULL DEFAULT '',
  delivery       TEXT NOT NULL DEFAULT '',
  number         TEXT NOT NULL,
  supplier       TEXT NOT NULL,
  issue_date     TEXT NOT NULL,
  total          TEXT NOT NULL,
  currency       TEXT NOT NULL,
  member         TEXT NOT NULL,
  sha256         TEXT NOT NULL,
  size           INTEGER NOT NULL,
  syntax         TEXT NOT NULL,
  interface      TEXT NOT NULL,
  segment_offset INTEGER NOT NULL,
  segment_length INTEGER NOT NULL,
  segment_crc    INTEGER NOT NULL,
  segment_size   INTEGER NOT NULL,
  packs          TEXT NOT NULL,
  findings       TEXT,
  facts          BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX invoice_place ON invoice (flow, position);
CREATE INDEX invoice_count ON invoice (flow, verdict, delivery);
CREATE INDEX invoice_numbered ON invoice (number);
CREATE INDEX invoice_supplier ON invoice (supplier);
CREATE INDEX invoice_status ON invoice (status) WHERE status <> '';
CREATE INDEX invoice_delivery ON invoice (delivery) WHERE delivery <> '';

-- Which accepted invoice holds (supplier, number, year); `alike` is a function of number, so the key is as narrow as without it, and
-- numbers that a person may take for each other stand side by side.
CREATE TABLE invoice_key (
  supplier TEXT NOT NULL,
  year     TEXT NOT NULL,
  alike    TEXT NOT NULL,
  number   TEXT NOT NULL,
  flow     TEXT NOT NULL,
  position INTEGER NOT NULL,
  PRIMARY KEY (supplier, year, alike, number)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX invoice_key_holder ON invoice_key (flow, position);

-- One outbound flow: name, number, content and size are for ever once it is sealed (reliability.md 2.1, I4).
CREATE TABLE delivery (
  id          INTEGER PRIMARY KEY,
  name        TEXT NOT NULL UNIQUE,
  number      TEXT NOT NULL UNIQUE,
  destination TEXT NOT NULL,
  partner     TEXT NOT NULL,
  interface   TEXT NOT NULL,
  state       TEXT NOT NULL,
  opened_at   TEXT NOT NULL,
  invoices    INTEGER NOT NULL,
  documents   INTEGER NOT NULL,
  size        INTEGER NOT NULL,
  sha256      TEXT NOT NULL,
  attempt     INTEGER NOT NULL,
  step        TEXT NOT NULL,
  sent_at     TEXT,
  answered_at TEXT,
  detail      TEXT NOT NULL,
  changed_at  TEXT
) STRICT;
CREATE INDEX delivery_in_state ON delivery (state);

-- Which flows a delivery holds invoices of, how many now, and whether the State has answered it (the answer is copied here so that
-- one index tells which flows still wait).
CREATE TABLE delivery_flow (
  flow     TEXT NOT NULL REFERENCES flow (number),
  delivery TEXT NOT NULL REFERENCES delivery (name),
  invoices INTEGER NOT NULL,
  answered INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (flow, delivery)
) STRICT, WITHOUT ROWID;
CREATE INDEX delivery_flow_delivery ON delivery_flow (delivery);
CREATE INDEX delivery_flow_awaited ON delivery_flow (flow) WHERE invoices > 0 AND answered = 0;

-- Every attempt to hand a delivery over: intent first, outcome after (I3).
CREATE TABLE attempt (
  delivery   TEXT NOT NULL REFERENCES delivery (name),
  n          INTEGER NOT NULL,
  started_at TEXT NOT NULL,
  step       TEXT NOT NULL,
  outcome    TEXT NOT NULL DEFAULT '',
  ended_at   TEXT,
  detail     TEXT NOT NULL DEFAULT '',
  PRIMARY KEY (delivery, n)
) STRICT, WITHOUT ROWID;

-- What the State's report says of a single invoice of a delivery: beside our verdict, never instead of it.
CREATE TABLE refusal (
  delivery TEXT NOT NULL REFERENCES delivery (name),
  flow     TEXT NOT NULL,
  position INTEGER NOT NULL,
  lines    TEXT NOT NULL,
  PRIMARY KEY (delivery, flow, position)
) STRICT, WITHOUT ROWID;
CREATE INDEX refusal_flow ON refusal (flow);

-- Invoices that the State holds, may hold or will get: they keep verdict and delivery, and are not deposited anew (lifecycle.LIVE; one
-- that the report of its delivery refused by name is not held).
CREATE VIEW live_invoice AS
SELECT i.flow, i.position FROM invoice i JOIN delivery d ON d.name = i.delivery
WHERE i.delivery <> '' AND d.state <> 'refused'
AND NOT EXISTS (SELECT 1 FROM refusal r WHERE r.delivery = i.delivery AND r.flow = i.flow AND r.position = i.position);

-- Files owed to partners, with their bytes, in the order in which they were owed.
CREATE TABLE outbox (
  sequence   INTEGER PRIMARY KEY AUTOINCREMENT,
  key        TEXT NOT NULL UNIQUE,
  partner    TEXT NOT NULL,
  box        TEXT NOT NULL,
  flow       TEXT NOT NULL,
  kind       TEXT NOT NULL,
  name       TEXT NOT NULL,
  owed_at    TEXT NOT NULL,
  written_at TEXT,
  body       BLOB NOT NULL
) STRICT;
CREATE INDEX outbox_pending ON outbox (sequence) WHERE written_at IS NULL;
CREATE INDEX outbox_flow ON outbox (flow);

-- Files read from the State; the same one twice is once.
CREATE TABLE inbox (
  source      TEXT NOT NULL,
  external_id TEXT NOT NULL,
  sha256      TEXT NOT NULL,
  size        INTEGER NOT NULL,
  at          TEXT NOT NULL,
  PRIMARY KEY (source, external_id)
) STRICT, WITHOUT ROWID;

-- Life-cycle statuses as the State told them, in the order in which we took them.
CREATE TABLE status (
  id          INTEGER PRIMARY KEY,
  flow        TEXT NOT NULL,
  position    INTEGER NOT NULL,
  partner     TEXT NOT NULL,
  code        TEXT NOT NULL,
  at          TEXT NOT NULL,
  news        TEXT NOT NULL,
  received_at TEXT NOT NULL,
  source      TEXT NOT NULL,
  told        TEXT NOT NULL DEFAULT '',
  UNIQUE (flow, position, code, at)
) STRICT;
CREATE INDEX status_owed ON status (id) WHERE told = '';

-- What the State told and that fits nothing we know.
CREATE TABLE stray (
  id     INTEGER PRIMARY KEY,
  source TEXT NOT NULL,
  kind   TEXT NOT NULL,
  detail TEXT NOT NULL,
  at     TEXT NOT NULL,
  at_us  INTEGER NOT NULL
) STRICT;

-- Files that partners' messages name and that have not come yet (or not in full); a row goes in the transaction that answers it.
CREATE TABLE reference (
  id           INTEGER PRIMARY KEY,
  partner      TEXT NOT NULL,
  channel      TEXT NOT NULL,
  transport_id TEXT NOT NULL,
  box          TEXT NOT NULL,
  name         TEXT NOT NULL,
  file         TEXT NOT NULL,
  sha256       TEXT NOT NULL,
  size         INTEGER NOT NULL,
  at           TEXT NOT NULL,
  UNIQUE (partner, channel, transport_id)
) STRICT;

-- The recipients' directory, replaced as a whole by each import; services as JSON, for they are read with their structure only.
CREATE TABLE recipient (
  siret               TEXT PRIMARY KEY,
  name                TEXT NOT NULL,
  active              INTEGER NOT NULL,
  service_required    INTEGER NOT NULL,
  engagement_required INTEGER NOT NULL,
  services            TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Which directory files were imported, and when.
CREATE TABLE directory_import (
  id         INTEGER PRIMARY KEY,
  at         TEXT NOT NULL,
  file       TEXT NOT NULL,
  sha256     TEXT NOT NULL,
  recipients INTEGER NOT NULL
) STRICT;
