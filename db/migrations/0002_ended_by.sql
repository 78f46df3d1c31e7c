-- The login that made a session end: of one that was logged out for it or replaced by it. Empty: no login did.
ALTER TABLE emu_IMSessionHistory ADD COLUMN EndedBy TEXT NOT NULL DEFAULT '';
