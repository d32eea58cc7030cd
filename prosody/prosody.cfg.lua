-- Prosody 0.12 on Debian 12 for an administration: /etc/prosody/prosody.cfg.lua.
-- Replace gov.example by your domain, put the secrets where `secret` reads them, then:
--   apt install prosody prosody-modules lua-luv lua-dbi-sqlite3 lua-unbound
--   prosodyctl check
-- README.md beside this file has every option of our modules.

-- One file for each component, readable by Prosody alone (mode 0400).
local function secret(name)
	local file = assert(io.open("/etc/prosody/secrets/" .. name), "no secret for " .. name);
	local value = file:read("l");
	file:close();
	return value;
end

-- The server itself

pidfile = "/run/prosody/prosody.pid"
data_path = "/var/lib/prosody"
plugin_paths = { "/usr/share/xmppgov/prosody/modules" }
certificates = "/etc/prosody/certs" -- gov.example.crt and gov.example.key, for the subdomains too
log = { info = "/var/log/prosody/prosody.log", error = "/var/log/prosody/prosody.err" } -- never "debug": it shows stanzas
gc = { mode = "generational" }

interfaces = { "*", "::" }
c2s_ports = { 5222 }
c2s_direct_tls_ports = { 5223 } -- for networks that let only TLS through; announce it by SRV
s2s_ports = { 5269 }
s2s_direct_tls_ports = { 5270 }
component_ports = { 5347 }
component_interfaces = { "127.0.0.1" } -- XEP-0114 has no TLS
http_ports = { 5280 }
http_interfaces = { "127.0.0.1" } -- a reverse proxy with TLS stands before it
https_ports = {}
http_default_host = "gov.example"
http_external_url = "https://gov.example/"
trusted_proxies = { "127.0.0.1", "::1" }
consider_websocket_secure = true -- by the reverse proxy

-- Nothing without TLS, no other server without a valid certificate.
c2s_require_encryption = true
s2s_require_encryption = true
s2s_secure_auth = true
authentication = "internal_hashed" -- or "ldap"
allow_registration = false

-- A person's apps stay far below this; the bots write to many at once.
limits = {
	c2s = { rate = "30kb/s", burst = "10s" },
	s2sin = { rate = "300kb/s", burst = "10s" },
}
unlimited_jids = { "alertes@gov.example", "annuaire@gov.example" }

modules_enabled = {
	-- the protocol
	"c2s", "s2s", "tls", "saslauth", "dialback", "disco", "roster", "presence", "message", "iq", "posix",
	"ping", "time", "version", "limits", "server_contact_info",
	-- what every client needs
	"carbons", -- all devices see what one sends (XEP-0280)
	"mam", -- and what came while they were off (XEP-0313)
	"offline", -- for clients that do not ask the archive
	"smacks", -- a broken connection loses nothing (XEP-0198)
	"csi_simple", -- phones sleep (XEP-0352)
	"cloud_notify", -- and are woken (XEP-0357), without content
	"pep", "bookmarks", "private", -- devices' keys; rooms that open by themselves (XEP-0163, XEP-0402)
	"vcard4", "vcard_legacy", -- names and pictures
	"blocklist", -- XEP-0191
	"privilege", -- the governance component writes people's bookmarks (XEP-0356)
	-- for operators
	"admin_shell",
	-- ours
	"xmppgov_capture", "xmppgov_policy", "xmppgov_keys", "xmppgov_contacts", "xmppgov_delivery",
}

contact_info = { -- XEP-0157
	admin = { "mailto:xmpp@gov.example" },
	abuse = { "mailto:abuse@gov.example" },
	security = { "mailto:security@gov.example" },
}

-- Archives are ciphertext. Six weeks: Conversations forgets a device that was silent for longer.
-- The default storage refuses the 10,001st message; SQLite does not.
storage = { archive = "sql", muc_log = "sql" }
sql = { driver = "SQLite3", database = "prosody.sqlite" }
default_archive_policy = true
archive_expires_after = "6w"
max_archive_query_results = 200

push_notification_with_body = false
push_notification_with_sender = false

-- Who is who. Guests' domains are never of the organisation.
xmppgov_domains = { "gov.example" }
xmppgov_guest_domains = { "invites.gov.example" }

-- Each message leaves one record without content, on a disk that keeps what it has synced.
xmppgov_capture_spool = "/var/lib/prosody/xmppgov-spool"
xmppgov_capture_server = "gov.example"
xmppgov_capture_archive = "archive.gov.example"
-- A chamber's rooms are closed and groups only counted, unless you say otherwise: prosody/README.md.
-- xmppgov_capture_level = { ["class:group"] = "full" }
-- What rooms publish: the longest period in [archive.classes], as it stands there; and within how many days your
-- officers erase what is due.
xmppgov_capture_retention = "cnil-1y"
xmppgov_capture_erasure_days = 31

-- No message in clear, but the fixed sentences of these senders.
xmppgov_policy_notices = "/usr/share/xmppgov/notices.json"
xmppgov_policy_notice_senders = { "alertes@gov.example", "annuaire@gov.example", "governance.gov.example" }
xmppgov_policy_plaintext_domains = {} -- other domains to and from which clear messages may go

xmppgov_keys_listeners = { "governance.gov.example" }
xmppgov_rooms_manager = "governance.gov.example"
xmppgov_contacts = { ["alertes@gov.example"] = "Alertes", ["annuaire@gov.example"] = "Annuaire" }

-- People

VirtualHost "gov.example"
	modules_enabled = { "websocket" } -- for web clients
	privileged_entities = {
		["governance.gov.example"] = {
			roster = "get", message = "outgoing",
			iq = { ["http://jabber.org/protocol/pubsub"] = "set" },
		},
	}
	disco_items = {
		{ "directory.gov.example", "Annuaire" },
		{ "rooms.gov.example", "Salons" },
		{ "upload.gov.example", "Fichiers" },
	}

-- Guests

VirtualHost "invites.gov.example"
	modules_disabled = { "xmppgov_keys", "xmppgov_contacts", "xmppgov_delivery", "privilege", "cloud_notify" }

-- Rooms: only the governance component makes and changes them.

Component "rooms.gov.example" "muc"
	name = "Salons"
	modules_enabled = { "muc_mam", "xmppgov_capture", "xmppgov_policy", "xmppgov_rooms" }
	admins = {}
	component_admins_as_room_owners = false
	restrict_room_creation = true
	muc_room_cache_size = 2000 -- more than there are rooms
	muc_room_default_members_only = true
	muc_room_default_public_jids = true -- OMEMO needs everybody's real address
	muc_room_default_public = false
	muc_room_default_persistent = true
	muc_room_default_change_subject = false -- a subject is readable
	muc_room_default_allow_member_invites = false
	muc_log_by_default = true
	muc_log_expires_after = "6w" -- one week by default

-- Files (XEP-0363), encrypted by the apps before they are sent; xmppgov_uploads takes their names away

Component "upload.gov.example" "http_file_share"
	modules_enabled = { "xmppgov_capture", "xmppgov_uploads" }
	http_file_share_size_limit = 16 * 1024 * 1024
	http_file_share_daily_quota = 256 * 1024 * 1024
	http_file_share_expires_after = 30 * 24 * 3600

-- Our services, each a process of its own

Component "directory.gov.example"
	component_secret = secret("directory")
	modules_enabled = { "xmppgov_capture" }

Component "archive.gov.example"
	component_secret = secret("archive")
	modules_enabled = { "xmppgov_capture" }

Component "governance.gov.example"
	component_secret = secret("governance")
	modules_enabled = { "privilege", "xmppgov_capture" }
