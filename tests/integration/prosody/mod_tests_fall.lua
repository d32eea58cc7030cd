-- A server that dies in the middle of an encrypted message: at the priority that the file `fall` in a folder names.

local uv = require "luv";
local OMEMO = "eu.siacs.conversations.axolotl";
local path = module:get_option_string("tests_fall").."/fall";

local function fall_at(people, priority)
	for _, event in ipairs { "message/bare", "message/full" } do
		people:hook(event, function (data)
			local file = data.stanza:get_child("encrypted", OMEMO) and io.open(path);
			local wanted = file and file:read("n");
			if file then file:close(); end
			if wanted == priority then
				os.remove(path);
				uv.kill(uv.os_getpid(), "sigkill");
			end
		end, priority);
	end
end

module:hook_global("server-started", function ()
	local people = module:context("gov.localhost");
	fall_at(people, 0.01); -- the sender's archive has it
	fall_at(people, -0.95); -- and the recipient's
end);
