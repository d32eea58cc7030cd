-- One record for each message, written before it is delivered and kept until the archive has it.
-- Who, to whom, when and how large; never what. prosody/README.md has every option,
-- docs/protocol/capture.md the events and the spool, docs/protocol/archive.md the wire.
-- Load it on every VirtualHost and every Component.

module:set_global();

-- luv asks for a global that Prosody's guard against misspelt ones would warn of.
prosody.unlock_globals();
local have_luv = pcall(require, "luv");
prosody.lock_globals();

local spool = module:get_option_string("xmppgov_capture_spool");
local server = module:get_option_string("xmppgov_capture_server");
local archive = module:get_option_string("xmppgov_capture_archive");
local fail = module:get_option_string("xmppgov_capture_fail", "closed");
local extra = module:get_option_set("xmppgov_capture_extra", {});
local sync_interval = module:get_option_number("xmppgov_capture_sync_interval", 0.02);
local reserve = module:get_option_number("xmppgov_capture_reserve", 10000);
local segment_size = module:get_option_number("xmppgov_capture_segment_size", 8 * 1024 * 1024);
local idle_size = module:get_option_number("xmppgov_capture_idle_size", 256 * 1024);
local boot_id_file = module:get_option_string("xmppgov_capture_boot_id", "/proc/sys/kernel/random/boot_id");

local POLL_INTERVAL, RECOVER_INTERVAL = 0.005, 1; -- seconds

local function misconfigured()
	if not have_luv then return "the Lua library luv is not installed (apt install lua-luv)"; end
	if (spool or "") == "" then return "xmppgov_capture_spool, the spool's folder, is not set"; end
	if (server or "") == "" then return "xmppgov_capture_server, the host that sends batches, is not set"; end
	if (archive or "") == "" then return "xmppgov_capture_archive, the archive's address, is not set"; end
	if fail ~= "closed" and fail ~= "open" then return "xmppgov_capture_fail is neither closed nor open"; end
end

local hosts_check = module:require "hosts";
local problem = misconfigured();
if problem then
	problem = "mod_"..module.name..": "..problem;
	function module.add_host() end
	module:hook_global("server-started", function () hosts_check.stop_server(problem); end);
	return;
end

local journals, drains = module:require "journal", module:require "drain";
local recorders, traffics, rooms = module:require "recorder", module:require "traffic", module:require "rooms";

local function boot_id()
	local file = io.open(boot_id_file);
	local id = file and file:read("l");
	if file then file:close(); end
	-- Without an identity every start counts as a new boot: a hole too many, never a number twice.
	return id and id:match("^[%w-]+$") or require "util.uuid".generate();
end

local function log(...) module:log(...); end

local counters = { seen = 0, records = 0, skipped = 0, missed = 0 };
local journal = journals.new {
	folder = spool, boot = boot_id(), reserve = reserve, segment_size = segment_size, idle_size = idle_size,
	now = os.time, log = log,
};

-- Prosody reloads the global part only and would leave the hosts with dead timers and a second writer.
function module.save()
	error("mod_"..module.name.." cannot be reloaded; restart the server", 0);
end

local drain; -- made when the sending host is there
local ticking, recovering;

local function kick()
	if drain then drain:kick(); end
end

local tick;

local function try_to_recover()
	recovering = nil;
	if journal:recover() then
		tick();
		kick();
	else
		recovering = module:add_timer(RECOVER_INTERVAL, try_to_recover);
	end
end

local function watch_health()
	if not journal.healthy and not recovering then
		module:set_status("error", "The spool cannot be written: "..tostring(journal.problem));
		recovering = module:add_timer(RECOVER_INTERVAL, try_to_recover);
	elseif journal.healthy then
		module:set_status("info", "Capturing", true);
	end
end

-- Waits for the disk, then sends what is synced; ends when there is nothing left to sync.
local function collect()
	if not journal:poll() then return POLL_INTERVAL; end
	watch_health();
	kick();
	ticking = nil;
	if journal.healthy and journal:is_dirty() then
		ticking = module:add_timer(sync_interval, tick);
	end
end

function tick()
	journal:tick();
	ticking = module:add_timer(POLL_INTERVAL, collect);
end

local function on_append()
	if not ticking then
		ticking = module:add_timer(sync_interval, tick);
	end
end

local recorder = recorders.new {
	journal = journal, extra = extra._items, closed = fail == "closed", counters = counters, on_append = on_append,
};
local traffic, room_traffic = traffics.new(recorder), rooms.new(recorder);

local opened, open_error = journal:open();
if not opened then
	module:log("error", "The spool %s cannot be opened: %s", spool, open_error);
end
watch_health();

local function start_drain(api)
	drain = drains.new { journal = journal, server = server, archive = archive, api = api, log = log };
	drain.on_append = on_append;
end

function module.add_host(host_module)
	hosts_check.guard(host_module);
	traffic:watch(host_module);
	if prosody.hosts[host_module.host].modules.muc then
		room_traffic:watch(host_module);
	else
		traffic:watch_arrivals(host_module);
	end
	if host_module.host == server then
		start_drain(host_module);
	end
	if host_module.host == archive then
		host_module:hook("component-authenticated", function ()
			if drain then drain:connected(); end
		end);
	end
end

module:hook_global("server-started", function ()
	hosts_check.check_all();
	if not drain then
		return hosts_check.stop_server("xmppgov_capture_server names "..server..", which is no host of this server");
	end
	module:hook_global("host-activated", hosts_check.check_one, -1000);
	kick();
end, -1);

module:hook_global("server-stopped", function () journal:close(); end);

-- What an operator sees: `prosodyctl shell "xmppgov_capture:status()"`.
local function status()
	local sent = drain and drain.acknowledged or 0;
	local oldest = drain and drain:oldest();
	local lost = 0;
	for _ in pairs(journal.lost) do lost = lost + 1; end
	return {
		age = oldest and math.max(0, os.time() - math.floor(oldest / 1000)) or 0,
		healthy = journal.healthy, problem = journal.problem, epoch = journal.epoch, last = journal.seq,
		acknowledged = sent, depth = journal.seq - sent, trouble = drain and drain.trouble,
		records = counters.records, skipped = counters.skipped, missed = counters.missed,
		refused = math.max(0, counters.seen - counters.records - counters.skipped - counters.missed),
		lost = lost, batches = drain and drain.batches or 0, conflicts = drain and drain.conflicts or 0,
	};
end

local shell = module:shared("/*/admin_shell/env");
shell.xmppgov_capture = {};
function shell.xmppgov_capture:status()
	local now, names = status(), {};
	for name in pairs(now) do names[#names + 1] = name; end
	table.sort(names);
	for _, name in ipairs(names) do self.session.print(name, now[name]); end
	local alarm = now.lost > 0 and ("ALARM: the archive refused %d records as malformed; holes say so"):format(now.lost);
	return now.healthy and not now.trouble and not alarm, now.problem or now.trouble or alarm or "capturing";
end
