-- No host goes without capture: the server stops if one does when it has started.

local hostmanager = require "core.hostmanager";
local add_task = require "util.timer".add_task;

local function uncaptured(name)
	local missing = {};
	for host, session in pairs(prosody.hosts) do
		if not session.modules[name] then missing[#missing + 1] = host; end
	end
	table.sort(missing);
	return missing;
end

-- Stops the server with status 1, from its main thread: while it starts, it cannot be stopped.
local function stop_server(reason)
	module:log("error", "%s", reason);
	add_task(0, function () -- not a timer of the module, which may be going
		prosody.main_thread:run(function () prosody.shutdown(reason, 1); end);
	end);
end

-- Stops the server unless every host has the module.
local function check_all()
	local missing = uncaptured(module.name);
	if #missing > 0 then
		stop_server(("mod_%s is not loaded on %s; add it to their modules_enabled. The server stops, "
			.."because messages there would leave no record."):format(module.name, table.concat(missing, ", ")));
	end
end

-- Takes a host out of service that was activated later and has no capture.
local function check_one(host)
	local session = prosody.hosts[host];
	if session and not session.modules[module.name] then
		module:log("error", "mod_%s is not loaded on %s, which is taken out of service again", module.name, host);
		hostmanager.deactivate(host, "mod_"..module.name.." is not loaded on this host");
	end
end

local leaving = {}; -- hosts that go as a whole

-- Stops the server when the module is taken from a host that stays.
local function guard(host_module)
	function host_module.unload()
		if not leaving[host_module.host] then
			stop_server(("mod_%s was unloaded from %s. The server stops, because messages there would leave no record.")
				:format(module.name, host_module.host));
		end
	end
end

module:hook_global("host-deactivating", function (event) leaving[event.host] = true; end);
module:hook_global("host-deactivated", function (host) leaving[host] = nil; end);

return {
	guard = guard;
	check_all = check_all;
	check_one = check_one;
	stop_server = stop_server;
};
