#include "db/statements.h"

/* PIN is kept as eight upper-case hex digits, as public queries show it. */
#define ENVIRONMENT_COLUMNS "Id, Name, Type, Host, Port, Transport, MaxSessions, IdleTimeoutMs, InactivityTimeoutMs, " \
	"TransportCapacity, Evict"
#define DEVICE_COLUMNS "PIN, Serial, State, Suites, Secret, SendCeiling, ReceiveCeiling, CreatedMs, RetiredMs"
#define HISTORY_INTO "INSERT INTO emu_IMSessionHistory (SessionId, Environment, Instance, ServiceStateId, PIN, IMUser, LoginId, " \
	"State, Reason, StartedMs, EndedMs, EndedBy) SELECT s.Id, e.Name, o.Instance, o.Id, s.PIN, s.IMUser, s.LoginId, s.State, ?2, " \
	"s.StartedMs, ?3, ?4 FROM emu_IMSession s JOIN emu_IMServiceConfig e ON e.Id = s.EnvironmentId " \
	"JOIN emu_ServiceState o ON o.Id = s.ServiceStateId "
#define TRAIL_COLUMNS "Id, AtMs, Process, Event, PIN, TransactionId, SessionId, Detail"

const struct db_statement db_statements[SQL_COUNT] = {
	[SQL_INSTALL_KEY_GET] = { "install-key-get", "SELECT KeyCheck FROM emu_InstallKey WHERE Id = 1" },
	[SQL_INSTALL_KEY_ADD] = { "install-key-add", "INSERT INTO emu_InstallKey (Id, KeyCheck) VALUES (1, ?1)" },

	[SQL_SERVER_ADD] = { "server-add", "INSERT INTO ServerConfig (MachineName) VALUES (?1) RETURNING Id" },
	[SQL_SERVER_ID] = { "server-id", "SELECT Id FROM ServerConfig WHERE lower(MachineName) = lower(?1)" },
	[SQL_SERVER_LIST] = { "server-list", "SELECT MachineName, SRPId FROM ServerConfig "
		"LEFT JOIN emu_SRPIdentity ON ServerConfigId = Id ORDER BY lower(MachineName)" },
	[SQL_SERVER_GET] = { "server-get", "SELECT MachineName, SRPId, AuthKey FROM ServerConfig "
		"LEFT JOIN emu_SRPIdentity ON ServerConfigId = Id WHERE lower(MachineName) = lower(?1)" },
	[SQL_SRP_SET] = { "srp-set", "INSERT INTO emu_SRPIdentity (ServerConfigId, SRPId, AuthKey) VALUES (?1, ?2, ?3) "
		"ON CONFLICT (ServerConfigId) DO UPDATE SET SRPId = excluded.SRPId, AuthKey = excluded.AuthKey" },

	[SQL_USER_ADD] = { "user-add", "INSERT INTO UserConfig (ServerConfigId, DisplayName, MailboxSMTPAddr, MailboxDN) "
		"VALUES (?1, ?2, ?3, ?4) RETURNING Id" },
	[SQL_USER_ID] = { "user-id", "SELECT Id, PIN FROM UserConfig WHERE lower(DisplayName) = lower(?1)" },
	[SQL_USER_REMOVE] = { "user-remove", "DELETE FROM UserConfig WHERE Id = ?1" },
	[SQL_USER_LIST] = { "user-list", "SELECT u.Id, s.MachineName, u.DisplayName, u.MailboxSMTPAddr, u.MailboxDN, u.PIN, "
		"p.UserConfigId FROM UserConfig u JOIN ServerConfig s ON s.Id = u.ServerConfigId "
		"LEFT JOIN emu_IMPermission p ON p.UserConfigId = u.Id ORDER BY lower(u.DisplayName)" },
	[SQL_PERMIT] = { "permit", "INSERT INTO emu_IMPermission (UserConfigId) VALUES (?1) ON CONFLICT DO NOTHING" },
	[SQL_FORBID] = { "forbid", "DELETE FROM emu_IMPermission WHERE UserConfigId = ?1" },

	[SQL_DEVICE_SET] = { "device-set", "UPDATE UserConfig SET PIN = ?2 WHERE Id = ?1" },
	[SQL_DEVICE_CLEAR] = { "device-clear", "UPDATE UserConfig SET PIN = NULL WHERE PIN = ?1" },
	[SQL_DEVICE_USER] = { "device-user", "SELECT Id, DisplayName FROM UserConfig WHERE PIN = ?1" },
	[SQL_DEVICE_LIST] = { "device-list", "SELECT u.PIN, u.Id, u.DisplayName, k.Serial, k.State, k.Suites, k.SendCeiling, "
		"k.ReceiveCeiling, k.CreatedMs, k.RetiredMs FROM UserConfig u LEFT JOIN emu_DeviceKey k ON k.PIN = u.PIN "
		"WHERE u.PIN IS NOT NULL ORDER BY u.PIN, k.Serial" },
	[SQL_KEYS_OF_PIN] = { "keys-of-pin", "SELECT Serial, State, Suites, Secret, SendCeiling, ReceiveCeiling, CreatedMs, "
		"RetiredMs FROM emu_DeviceKey WHERE PIN = ?1 ORDER BY Serial" },
	[SQL_KEYS_REMOVE] = { "keys-remove", "DELETE FROM emu_DeviceKey WHERE PIN = ?1" },
	[SQL_KEY_ADD] = { "key-add", "INSERT INTO emu_DeviceKey (" DEVICE_COLUMNS ") VALUES (?1, ?2, ?3, ?4, ?5, 0, 0, ?6, 0)" },
	[SQL_KEY_NEXT_SERIAL] = { "key-next-serial", "SELECT coalesce(max(Serial), 0) + 1 FROM emu_DeviceKey WHERE PIN = ?1" },
	[SQL_KEY_STATE] = { "key-state", "SELECT State FROM emu_DeviceKey WHERE PIN = ?1 AND Serial = ?2" },
	[SQL_KEY_REMOVE_STATE] = { "key-remove-state", "DELETE FROM emu_DeviceKey WHERE PIN = ?1 AND State = ?2" },
	[SQL_KEY_RETIRE] = { "key-retire", "UPDATE emu_DeviceKey SET State = 'previous', RetiredMs = ?2 "
		"WHERE PIN = ?1 AND State = 'current'" },
	[SQL_KEY_MAKE_CURRENT] = { "key-make-current", "UPDATE emu_DeviceKey SET State = 'current' WHERE PIN = ?1 AND Serial = ?2" },
	[SQL_KEY_SEND_CEILING] = { "key-send-ceiling", "UPDATE emu_DeviceKey SET SendCeiling = ?3 "
		"WHERE PIN = ?1 AND Serial = ?2 AND SendCeiling < ?3" },
	[SQL_KEY_RECEIVE_CEILING] = { "key-receive-ceiling", "UPDATE emu_DeviceKey SET ReceiveCeiling = ?3 "
		"WHERE PIN = ?1 AND Serial = ?2 AND ReceiveCeiling < ?3" },

	[SQL_ENVIRONMENT_ADD] = { "environment-add", "INSERT INTO emu_IMServiceConfig (Name, Type, Host, Port, Transport, "
		"MaxSessions, IdleTimeoutMs, InactivityTimeoutMs, TransportCapacity, Evict) "
		"VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)" },
	[SQL_ENVIRONMENT_LIST] = { "environment-list", "SELECT " ENVIRONMENT_COLUMNS " FROM emu_IMServiceConfig ORDER BY lower(Name)" },
	[SQL_ENVIRONMENT_GET] = { "environment-get", "SELECT " ENVIRONMENT_COLUMNS " FROM emu_IMServiceConfig "
		"WHERE lower(Name) = lower(?1)" },
	/* A parameter that is NULL leaves its column alone. */
	[SQL_ENVIRONMENT_SET] = { "environment-set", "UPDATE emu_IMServiceConfig SET Host = coalesce(?2, Host), "
		"Port = coalesce(?3, Port), Transport = coalesce(?4, Transport), MaxSessions = coalesce(?5, MaxSessions), "
		"IdleTimeoutMs = coalesce(?6, IdleTimeoutMs), InactivityTimeoutMs = coalesce(?7, InactivityTimeoutMs), "
		"TransportCapacity = coalesce(?8, TransportCapacity), Evict = coalesce(?9, Evict) WHERE lower(Name) = lower(?1)" },

	[SQL_OWNER_FIND] = { "owner-find", "SELECT Id, Epoch FROM emu_ServiceState "
		"WHERE EnvironmentId = ?1 AND lower(Instance) = lower(?2)" },
	[SQL_OWNER_ADD] = { "owner-add", "INSERT INTO emu_ServiceState (EnvironmentId, Instance, Epoch, LeaseMs, LeaseUntilMs, "
		"StartedMs) VALUES (?1, ?2, 1, ?3, ?4, ?5) RETURNING Id" },
	[SQL_OWNER_RESTART] = { "owner-restart", "UPDATE emu_ServiceState SET Epoch = ?2, LeaseMs = ?3, LeaseUntilMs = ?4, "
		"StartedMs = ?5 WHERE Id = ?1" },
	[SQL_OWNER_RENEW] = { "owner-renew", "UPDATE emu_ServiceState SET LeaseMs = ?3, LeaseUntilMs = ?4 "
		"WHERE Id = ?1 AND Epoch = ?2" },
	[SQL_OWNER_EPOCH] = { "owner-epoch", "SELECT 1 FROM emu_ServiceState WHERE Id = ?1 AND Epoch = ?2 AND EnvironmentId = ?3" },
	[SQL_OWNER_FENCE] = { "owner-fence", "UPDATE emu_ServiceState SET Epoch = Epoch + 1 WHERE Id = ?1" },
	/* A lease further ahead than any renewal could have put it was given before the host's clock started anew. */
	[SQL_OWNERS_EXPIRED] = { "owners-expired", "SELECT Id FROM emu_ServiceState o WHERE EnvironmentId = ?1 AND Id <> ?3 "
		"AND (LeaseUntilMs < ?2 OR LeaseUntilMs > ?2 + 2 * LeaseMs) "
		"AND (EXISTS (SELECT 1 FROM emu_IMSession s WHERE s.ServiceStateId = o.Id) "
		"OR EXISTS (SELECT 1 FROM emu_IMClosing c WHERE c.ServiceStateId = o.Id))" },
	[SQL_OWNER_TO_HISTORY] = { "owner-to-history", HISTORY_INTO "WHERE s.ServiceStateId = ?1" },
	[SQL_OWNER_SEATS_REMOVE] = { "owner-seats-remove", "DELETE FROM emu_IMSession WHERE ServiceStateId = ?1" },

	[SQL_SEATS_COUNT] = { "seats-count", "SELECT count(*) FROM emu_IMSession WHERE EnvironmentId = ?1" },
	[SQL_SEATS_MARKED] = { "seats-marked", "SELECT count(*) FROM emu_IMSession WHERE EnvironmentId = ?1 AND Mark <> 0" },
	[SQL_SEATS_REPLACED] = { "seats-replaced", "SELECT Id, ServiceStateId, Mark FROM emu_IMSession "
		"WHERE EnvironmentId = ?1 AND PIN = ?2 UNION SELECT Id, ServiceStateId, Mark FROM emu_IMSession "
		"WHERE EnvironmentId = ?1 AND lower(IMUser) = lower(?3)" },
	[SQL_SEATS_EVICTABLE] = { "seats-evictable", "SELECT Id, ServiceStateId, Mark FROM emu_IMSession "
		"WHERE EnvironmentId = ?1 AND Mark <> 0 ORDER BY MarkedMs, Id LIMIT ?2" },
	[SQL_SEAT_PERMITTED] = { "seat-permitted", "SELECT 1 FROM UserConfig u JOIN emu_IMPermission p ON p.UserConfigId = u.Id "
		"WHERE u.PIN = ?1" },
	[SQL_SEAT_ADD] = { "seat-add", "INSERT INTO emu_IMSession (EnvironmentId, ServiceStateId, OwnerEpoch, PIN, IMUser, LoginId, "
		"StartedMs) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) RETURNING Id" },
	[SQL_SEAT_ACTIVATE] = { "seat-activate", "UPDATE emu_IMSession SET State = 'active' "
		"WHERE Id = ?1 AND ServiceStateId = ?2 AND OwnerEpoch = ?3" },
	[SQL_SEAT_MARK] = { "seat-mark", "UPDATE emu_IMSession SET Mark = ?4, "
		"MarkedMs = CASE WHEN Mark = 0 THEN ?5 ELSE MarkedMs END "
		"WHERE Id = ?1 AND ServiceStateId = ?2 AND OwnerEpoch = ?3" },
	[SQL_SEAT_OWNED] = { "seat-owned", "SELECT EnvironmentId, Mark FROM emu_IMSession "
		"WHERE Id = ?1 AND ServiceStateId = ?2 AND OwnerEpoch = ?3" },
	[SQL_SEAT_OF_OWNER] = { "seat-of-owner", "SELECT EnvironmentId, Mark FROM emu_IMSession WHERE Id = ?1 AND ServiceStateId = ?2" },
	[SQL_SEAT_TO_HISTORY] = { "seat-to-history", HISTORY_INTO "WHERE s.Id = ?1" },
	[SQL_SEAT_REMOVE] = { "seat-remove", "DELETE FROM emu_IMSession WHERE Id = ?1" },
	[SQL_SEAT_LIST] = { "seat-list", "SELECT s.Id, s.ServiceStateId, s.PIN, s.IMUser, e.Name, o.Instance, s.State, '', s.LoginId, "
		"s.StartedMs, 0, s.Mark, '' FROM emu_IMSession s JOIN emu_IMServiceConfig e ON e.Id = s.EnvironmentId "
		"JOIN emu_ServiceState o ON o.Id = s.ServiceStateId ORDER BY s.Id DESC LIMIT ?1" },
	[SQL_HISTORY_LIST] = { "history-list", "SELECT SessionId, ServiceStateId, PIN, IMUser, Environment, Instance, State, Reason, "
		"LoginId, StartedMs, EndedMs, 0, EndedBy FROM emu_IMSessionHistory ORDER BY Id DESC LIMIT ?1" },
	[SQL_HISTORY_AFTER] = { "history-after", "SELECT Id, SessionId, Reason, EndedBy FROM emu_IMSessionHistory "
		"WHERE Id > ?1 AND ServiceStateId = ?2 ORDER BY Id LIMIT ?3" },
	[SQL_HISTORY_PRUNE] = { "history-prune", "DELETE FROM emu_IMSessionHistory "
		"WHERE Id <= (SELECT max(Id) FROM emu_IMSessionHistory) - ?1" },

	[SQL_CLOSING_ADD] = { "closing-add", "INSERT INTO emu_IMClosing (SessionId, EnvironmentId, ServiceStateId) "
		"SELECT Id, EnvironmentId, ServiceStateId FROM emu_IMSession WHERE Id = ?1" },
	[SQL_CLOSING_LIST] = { "closing-list", "SELECT SessionId FROM emu_IMClosing WHERE EnvironmentId = ?1" },
	[SQL_CLOSING_REMOVE] = { "closing-remove", "DELETE FROM emu_IMClosing WHERE SessionId = ?1" },
	[SQL_CLOSING_REMOVE_OWNER] = { "closing-remove-owner", "DELETE FROM emu_IMClosing WHERE ServiceStateId = ?1" },

	[SQL_TRAIL_ADD] = { "trail-add", "INSERT INTO emu_EventTrail (AtMs, Process, Event, PIN, TransactionId, SessionId, Detail) "
		"VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)" },
	[SQL_TRAIL_PRUNE] = { "trail-prune", "DELETE FROM emu_EventTrail WHERE Id <= (SELECT max(Id) FROM emu_EventTrail) - ?1" },
	[SQL_TRAIL_AFTER] = { "trail-after", "SELECT " TRAIL_COLUMNS " FROM emu_EventTrail WHERE Id > ?1 "
		"AND (PIN = ?2 OR ?2 IS NULL) ORDER BY Id LIMIT ?3" },
	[SQL_TRAIL_LAST] = { "trail-last", "SELECT * FROM (SELECT " TRAIL_COLUMNS " FROM emu_EventTrail "
		"WHERE PIN = ?1 OR ?1 IS NULL ORDER BY Id DESC LIMIT ?2) last ORDER BY Id" },
};
