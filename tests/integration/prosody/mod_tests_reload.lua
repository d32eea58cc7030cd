-- Reloads, on every host that has it, the module that is named in the file `reload` of a folder, then deletes the file.

module:set_global();

local modules = require "core.modulemanager";
local path = module:get_option_string("tests_disk").."/reload";

module:add_timer(0.02, function ()
	local file = io.open(path);
	if not file then return 0.02; end
	local name = file:read("l");
	file:close();
	for host, session in pairs(prosody.hosts) do
		if session.modules and session.modules[name] then pcall(modules.reload, host, name); end
	end
	os.remove(path);
	return 0.02;
end);
