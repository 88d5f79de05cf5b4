-- 0002: files that partners' messages name.
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
