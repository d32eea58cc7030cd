-- The guests' host: nothing leaves it and nothing enters it, but for an account's own affairs with its server.

local jid_bare = require "util.jid".bare;

local language = module:require "xmppgov_language";
local sentences = module:require "xmppgov_policy_sentences";

local quiet = { -- never answered by an error
	message = { error = true };
	presence = { error = true, unavailable = true, unsubscribe = true, unsubscribed = true, probe = true };
	iq = { error = true, result = true };
};

-- Not every library reads policy-violation in the answer to an IQ.
local conditions = { message = "policy-violation", presence = "not-allowed", iq = "not-allowed" };

return function (refused)
	local function refuse(event)
		local origin, stanza = event.origin, event.stanza;
		refused();
		if not quiet[stanza.name][stanza.attr.type] and origin.send then
			origin.send(language.error_reply(origin, stanza, "cancel", conditions[stanza.name], sentences.guest));
		end
		return true;
	end

	local function is_own_affair(stanza)
		local from, to = stanza.attr.from, stanza.attr.to;
		if to == nil or from == nil then return true; end
		from, to = jid_bare(from), jid_bare(to);
		return from == to or from == module.host or to == module.host;
	end

	local function check(event)
		if not is_own_affair(event.stanza) then return refuse(event); end
	end

	for name in pairs(quiet) do
		for _, kind in ipairs { "bare", "full", "host" } do
			module:hook("pre-" .. name .. "/" .. kind, check, 400);
			module:hook(name .. "/" .. kind, check, 400);
		end
	end
end
