-- Who watches the database is told of each transaction that changed what he might have read, whoever made it. Not told: events of the trail,
-- leases, and closed connections, which nobody keeps.
CREATE FUNCTION emu_TellChange() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NOTIFY emu_changed; RETURN NULL; END $$;

CREATE TRIGGER emu_Tell AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON ServerConfig EXECUTE FUNCTION emu_TellChange();
CREATE TRIGGER emu_Tell AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON emu_SRPIdentity EXECUTE FUNCTION emu_TellChange();
CREATE TRIGGER emu_Tell AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON UserConfig EXECUTE FUNCTION emu_TellChange();
CREATE TRIGGER emu_Tell AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON emu_IMPermission EXECUTE FUNCTION emu_TellChange();
CREATE TRIGGER emu_Tell AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON emu_DeviceKey EXECUTE FUNCTION emu_TellChange();
CREATE TRIGGER emu_Tell AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON emu_IMServiceConfig EXECUTE FUNCTION emu_TellChange();
CREATE TRIGGER emu_Tell AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON emu_IMSession EXECUTE FUNCTION emu_TellChange();
CREATE TRIGGER emu_Tell AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON emu_IMSessionHistory EXECUTE FUNCTION emu_TellChange();
