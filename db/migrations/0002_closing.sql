-- Sessions that have ended and lost their seat while their connection to the IM server is not closed yet. The owner removes the row
-- when it is; a login that would be one connection too many waits for that.
CREATE TABLE emu_IMClosing (
	SessionId INTEGER PRIMARY KEY,
	EnvironmentId INTEGER NOT NULL REFERENCES emu_IMServiceConfig (Id),
	ServiceStateId INTEGER NOT NULL REFERENCES emu_ServiceState (Id)
);
CREATE INDEX emu_IMClosingEnvironment ON emu_IMClosing (EnvironmentId);
CREATE INDEX emu_IMClosingOwner ON emu_IMClosing (ServiceStateId);
