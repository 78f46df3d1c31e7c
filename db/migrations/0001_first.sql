-- Names without a prefix are those seen in public queries of the vendor's database; emu_ marks ours.
-- Times ending in Ms are milliseconds: of the day (since 1970) unless a comment says otherwise.

CREATE TABLE emu_SchemaVersion (
	Version INTEGER PRIMARY KEY,
	Name TEXT NOT NULL,
	AppliedMs INTEGER NOT NULL
);

-- One row: a known text sealed under the install key, to tell a wrong key at once.
CREATE TABLE emu_InstallKey (
	Id INTEGER PRIMARY KEY CHECK (Id = 1),
	KeyCheck BLOB NOT NULL
);

CREATE TABLE ServerConfig (
	Id INTEGER PRIMARY KEY AUTOINCREMENT,
	MachineName TEXT NOT NULL CHECK (length(MachineName) BETWEEN 1 AND 64)
);
CREATE UNIQUE INDEX emu_ServerConfigName ON ServerConfig (lower(MachineName));

CREATE TABLE emu_SRPIdentity (
	ServerConfigId INTEGER PRIMARY KEY REFERENCES ServerConfig (Id) ON DELETE CASCADE,
	SRPId TEXT NOT NULL UNIQUE CHECK (length(SRPId) BETWEEN 1 AND 32),
	AuthKey BLOB NOT NULL
);

CREATE TABLE UserConfig (
	Id INTEGER PRIMARY KEY AUTOINCREMENT,
	ServerConfigId INTEGER NOT NULL REFERENCES ServerConfig (Id),
	DisplayName TEXT NOT NULL CHECK (length(DisplayName) BETWEEN 1 AND 256),
	MailboxSMTPAddr TEXT,
	MailboxDN TEXT,
	PIN TEXT UNIQUE CHECK (PIN IS NULL OR (length(PIN) = 8 AND PIN = upper(PIN)))
);
CREATE UNIQUE INDEX emu_UserConfigName ON UserConfig (lower(DisplayName));

-- A row permits the user to use the collaboration client.
CREATE TABLE emu_IMPermission (
	UserConfigId INTEGER PRIMARY KEY REFERENCES UserConfig (Id) ON DELETE CASCADE
);

CREATE TABLE emu_DeviceKey (
	PIN TEXT NOT NULL REFERENCES UserConfig (PIN) ON DELETE CASCADE,
	Serial INTEGER NOT NULL CHECK (Serial BETWEEN 1 AND 2147483647),
	State TEXT NOT NULL CHECK (State IN ('pending', 'current', 'previous')),
	Suites INTEGER NOT NULL CHECK (Suites > 0),
	Secret BLOB NOT NULL,
	SendCeiling INTEGER NOT NULL DEFAULT 0 CHECK (SendCeiling BETWEEN 0 AND 4294967295),
	ReceiveCeiling INTEGER NOT NULL DEFAULT 0 CHECK (ReceiveCeiling BETWEEN 0 AND 4294967295),
	CreatedMs INTEGER NOT NULL,
	RetiredMs INTEGER NOT NULL DEFAULT 0,
	PRIMARY KEY (PIN, Serial),
	UNIQUE (PIN, State)
);

CREATE TABLE emu_IMServiceConfig (
	Id INTEGER PRIMARY KEY AUTOINCREMENT,
	Name TEXT NOT NULL CHECK (length(Name) BETWEEN 1 AND 64),
	Type TEXT NOT NULL CHECK (Type IN ('groupwise', 'cwa')),
	Host TEXT NOT NULL CHECK (length(Host) BETWEEN 1 AND 255),
	Port INTEGER NOT NULL CHECK (Port BETWEEN 1 AND 65535),
	Transport TEXT NOT NULL CHECK (Transport IN ('tls', 'tcp', 'https', 'http')),
	MaxSessions INTEGER NOT NULL DEFAULT 0 CHECK (MaxSessions BETWEEN 0 AND 2147483647),
	IdleTimeoutMs INTEGER NOT NULL DEFAULT 0 CHECK (IdleTimeoutMs >= 0),
	InactivityTimeoutMs INTEGER NOT NULL DEFAULT 0 CHECK (InactivityTimeoutMs >= 0),
	TransportCapacity INTEGER NOT NULL CHECK (TransportCapacity BETWEEN 1 AND 2147483647),
	Evict TEXT NOT NULL DEFAULT 'all' CHECK (Evict IN ('all', 'one'))
);
CREATE UNIQUE INDEX emu_IMServiceConfigName ON emu_IMServiceConfig (lower(Name));

-- The Collaboration Services as owners of seats. LeaseUntilMs is in the owner's monotonic clock.
CREATE TABLE emu_ServiceState (
	Id INTEGER PRIMARY KEY AUTOINCREMENT,
	EnvironmentId INTEGER NOT NULL REFERENCES emu_IMServiceConfig (Id),
	Instance TEXT NOT NULL CHECK (length(Instance) BETWEEN 1 AND 64),
	Epoch INTEGER NOT NULL,
	LeaseMs INTEGER NOT NULL,
	LeaseUntilMs INTEGER NOT NULL,
	StartedMs INTEGER NOT NULL
);
CREATE UNIQUE INDEX emu_ServiceStateInstance ON emu_ServiceState (EnvironmentId, lower(Instance));

-- A session is a row. Mark: why it may be ended when a place is needed (0: it may not); MarkedMs in the owner's monotonic clock.
CREATE TABLE emu_IMSession (
	Id INTEGER PRIMARY KEY AUTOINCREMENT,
	EnvironmentId INTEGER NOT NULL REFERENCES emu_IMServiceConfig (Id),
	ServiceStateId INTEGER NOT NULL REFERENCES emu_ServiceState (Id),
	OwnerEpoch INTEGER NOT NULL,
	PIN TEXT NOT NULL,
	IMUser TEXT NOT NULL,
	LoginId TEXT NOT NULL,
	State TEXT NOT NULL DEFAULT 'connecting' CHECK (State IN ('connecting', 'active')),
	Mark INTEGER NOT NULL DEFAULT 0,
	MarkedMs INTEGER NOT NULL DEFAULT 0,
	StartedMs INTEGER NOT NULL
);
CREATE INDEX emu_IMSessionPIN ON emu_IMSession (EnvironmentId, PIN);
CREATE INDEX emu_IMSessionUser ON emu_IMSession (EnvironmentId, lower(IMUser));
CREATE INDEX emu_IMSessionOwner ON emu_IMSession (ServiceStateId);
CREATE INDEX emu_IMSessionMarked ON emu_IMSession (EnvironmentId, MarkedMs, Id) WHERE Mark <> 0;

CREATE TABLE emu_IMSessionHistory (
	Id INTEGER PRIMARY KEY AUTOINCREMENT,
	SessionId INTEGER NOT NULL,
	Environment TEXT NOT NULL,
	Instance TEXT NOT NULL,
	ServiceStateId INTEGER NOT NULL,
	PIN TEXT NOT NULL,
	IMUser TEXT NOT NULL,
	LoginId TEXT NOT NULL,
	State TEXT NOT NULL,
	Reason TEXT NOT NULL,
	StartedMs INTEGER NOT NULL,
	EndedMs INTEGER NOT NULL
);

CREATE TABLE emu_EventTrail (
	Id INTEGER PRIMARY KEY AUTOINCREMENT,
	AtMs INTEGER NOT NULL,
	Process TEXT NOT NULL,
	Event TEXT NOT NULL,
	PIN TEXT,
	TransactionId INTEGER,
	SessionId INTEGER,
	Detail TEXT NOT NULL DEFAULT ''
);
