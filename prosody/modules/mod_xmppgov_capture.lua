-- One record for each message, written before it is delivered and kept until the archive has it.
-- Who, to whom, when and how large; never what. prosody/README.md has every option,
-- docs/protocol/capture.md the events and the spool, docs/protocol/archive.md the wire.
-- Load it on every VirtualHost and every Component.

module:set_global();

-- luv asks for a global that Prosody's guard against misspelt ones would warn of.
prosody.unlock_globals();
local have_luv = pcall(require, "luv");
prosody.lock_globals();

local options = module:require "options";
local settings, problem = options.read();
local hosts_check = module:require "hosts";
if not have_luv then problem = "the Lua library luv is not installed (apt install lua-luv)"; end
if problem then
	problem = "mod_"..module.name..": "..problem;
	function module.add_host() end
	module:hook_global("server-started", function () hosts_check.stop_server(problem); end);
	return;
end

local channels, policies = module:require "channel", module:require "policy";
local recorders, traffics, rooms = module:require "recorder", module:require "traffic", module:require "rooms";
local disclosure, uploads, asked = module:require "disclosure", module:require "uploads", module:require "asked";
local statuses, watch = module:require "status", module:require "watch";

-- Prosody reloads the global part only and would leave the hosts with dead timers and a second writer.
function module.save()
	error("mod_"..module.name.." cannot be reloaded; restart the server", 0);
end

local counters = { seen = 0, skipped = 0, left_out = 0 };
local by_archive = channels.open_all(settings);
local recorder = recorders.new {
	extra = settings.extra, policies = policies.new(settings.policy, by_archive), counters = counters,
};
local traffic, room_traffic = traffics.new(recorder), rooms.new(recorder);

local function watch_health()
	local sick;
	for _, channel in pairs(by_archive) do
		if not channel.journal.healthy then sick = channel; end
	end
	recorder:set_sick(sick ~= nil);
	if sick then
		module:set_status("error", ("The spool for %s cannot be written: %s"):format(sick.archive, tostring(sick.journal.problem)));
	else
		module:set_status("info", "Capturing", true);
	end
end

for _, channel in pairs(by_archive) do channel.on_health = watch_health; end
watch_health();

local sending = false;

local function start_sending(api)
	sending = true;
	for _, channel in pairs(by_archive) do channel:attach(api, settings.server); end
end

function module.add_host(host_module)
	hosts_check.guard(host_module);
	traffic:watch(host_module);
	uploads.watch(recorder, host_module);
	disclosure.publish(recorder.policies, host_module, settings);
	asked.watch(recorder.policies, host_module);
	if prosody.hosts[host_module.host].modules.muc then
		room_traffic:watch(host_module);
	else
		traffic:watch_arrivals(host_module);
	end
	if host_module.host == settings.server then
		start_sending(host_module);
	end
	local channel = by_archive[host_module.host];
	if channel then
		host_module:hook("component-authenticated", function () channel:connected(); end);
	end
end

module:hook_global("server-started", function ()
	hosts_check.check_all();
	local unknown = options.unknown_host(settings.policy);
	if not sending then
		unknown = "xmppgov_capture_server names "..settings.server..", which is no host of this server";
	end
	if unknown then return hosts_check.stop_server(unknown); end
	module:hook_global("host-activated", hosts_check.check_one, -1000);
	for _, channel in pairs(by_archive) do channel:kick(); end
end, -1);

module:hook_global("server-stopped", function ()
	for _, channel in pairs(by_archive) do channel:close(); end
end);

statuses.show(by_archive, settings, counters);
watch.publish(by_archive);
watch.alarm(by_archive, settings.alarm_age);
