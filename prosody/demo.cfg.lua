-- The demo's and the tests' Prosody: loopback only, everything below one folder, ports from the
-- environment. The production configuration beside this file says why each setting is as it is.
-- Environment: XMPPGOV_STATE (folder), XMPPGOV_DOMAIN, XMPPGOV_PORT_{C2S,S2S,COMPONENT,HTTP},
-- XMPPGOV_PROSODY (this folder), XMPPGOV_WEB (the web client's files), XMPPGOV_NOTICES (JSON),
-- XMPPGOV_MODULES (which of our modules to load; all by default), XMPPGOV_EXTRA (a .cfg.lua file that
-- tests add: storage drivers to compare with, a second server's names).

local state, domain = ENV_XMPPGOV_STATE, ENV_XMPPGOV_DOMAIN
local wanted = ENV_XMPPGOV_MODULES or "capture policy keys rooms contacts delivery uploads"

local function ours(names)
	local enabled = {}
	for name in names:gmatch("%S+") do
		if (" " .. wanted .. " "):find(" " .. name .. " ", 1, true) then
			enabled[#enabled + 1] = "xmppgov_" .. name
		end
	end
	return enabled
end

local function with(list, more)
	for _, name in ipairs(more) do list[#list + 1] = name end
	return list
end

local function secret(name)
	local file = assert(io.open(state .. "/secrets/" .. name), "no secret for " .. name)
	local value = file:read("l")
	file:close()
	return value
end

local directory, archive = "directory." .. domain, "archive." .. domain
local governance, rooms = "governance." .. domain, "rooms." .. domain
local alerts, annuaire = "alertes@" .. domain, "annuaire@" .. domain

run_as_root = true
pidfile = state .. "/prosody.pid"
data_path = state .. "/prosody"
plugin_paths = { ENV_XMPPGOV_PROSODY .. "/modules" }
log = { info = "*console" }
gc = { mode = "generational" }
interfaces = { "127.0.0.1" }
local_interfaces = { "127.0.0.1" }
c2s_ports = { tonumber(ENV_XMPPGOV_PORT_C2S) }
c2s_direct_tls_ports = {}
s2s_ports = { tonumber(ENV_XMPPGOV_PORT_S2S) }
s2s_direct_tls_ports = {}
component_ports = { tonumber(ENV_XMPPGOV_PORT_COMPONENT) }
component_interfaces = { "127.0.0.1" }
http_ports = { tonumber(ENV_XMPPGOV_PORT_HTTP) }
http_interfaces = { "127.0.0.1" }
https_ports = {}
http_default_host = domain
http_external_url = "http://127.0.0.1:" .. ENV_XMPPGOV_PORT_HTTP .. "/"
consider_websocket_secure = true
http_files_dir = ENV_XMPPGOV_WEB
http_paths = { files = "/" }
http_dir_listing = false

authentication = "internal_hashed"
allow_registration = false
c2s_require_encryption = true
s2s_require_encryption = true
s2s_secure_auth = true
ssl = {
	key = state .. "/certs/server.key",
	certificate = state .. "/certs/server.crt",
	cafile = state .. "/ca.pem",
}

modules_enabled = with({
	"disco", "roster", "saslauth", "tls", "blocklist", "bookmarks", "carbons", "dialback", "pep",
	"private", "smacks", "vcard4", "vcard_legacy", "csi_simple", "ping", "time", "version", "mam",
	"s2s", "c2s", "presence", "message", "iq", "posix", "offline", "privilege",
}, ours("capture policy keys contacts delivery"))

archive_expires_after = "6w"
storage_archive_item_limit = 1000000
default_archive_policy = true
max_archive_query_results = 200

-- What our modules are told; prosody/README.md has every option.
xmppgov_domains = { domain }
xmppgov_guest_domains = { "invites." .. domain }
xmppgov_capture_spool = state .. "/spool"
xmppgov_capture_server = domain
xmppgov_capture_archive = archive
-- By default groups are only counted. The demo records them in full, to have something to show.
xmppgov_capture_level = { ["class:group"] = "full" }
xmppgov_capture_retention = "cnil-1y"
xmppgov_policy_notices = ENV_XMPPGOV_NOTICES
xmppgov_policy_notice_senders = { alerts, annuaire, governance }
xmppgov_keys_listeners = { governance }
xmppgov_rooms_manager = governance
xmppgov_contacts = { [alerts] = "Alertes", [annuaire] = "Annuaire" }

VirtualHost(domain)
	modules_enabled = { "websocket", "http_files" }
	privileged_entities = {
		[governance] = {
			roster = "get", message = "outgoing",
			iq = { ["http://jabber.org/protocol/pubsub"] = "set" },
		},
	}
	disco_items = {
		{ directory, "Annuaire" }, { rooms, "Salons" }, { "upload." .. domain, "Fichiers" },
	}

VirtualHost("invites." .. domain)

Component(rooms) "muc"
	name = "Salons"
	modules_enabled = with({ "muc_mam" }, ours("capture policy rooms"))
	admins = {}
	component_admins_as_room_owners = false
	restrict_room_creation = true
	muc_room_default_members_only = true
	muc_room_default_public_jids = true
	muc_room_default_public = false
	muc_room_default_persistent = true
	muc_room_default_change_subject = false
	muc_room_default_allow_member_invites = false
	muc_log_by_default = true
	muc_log_expires_after = "6w"

Component("upload." .. domain) "http_file_share"
	-- The web client and the files share one address: whoever asks 127.0.0.1 asks this host.
	http_host = domain
	modules_enabled = ours("capture uploads")
	http_file_share_size_limit = 16 * 1024 * 1024
	http_file_share_expires_after = 30 * 24 * 3600

Component(directory)
	component_secret = secret("directory")
	modules_enabled = ours("capture")

Component(archive)
	component_secret = secret("archive")
	modules_enabled = ours("capture")

Component(governance)
	component_secret = secret("rooms")
	modules_enabled = with({ "privilege" }, ours("capture"))

if ENV_XMPPGOV_EXTRA then
	Include(ENV_XMPPGOV_EXTRA)
end
