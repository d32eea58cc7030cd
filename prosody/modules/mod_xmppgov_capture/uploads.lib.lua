-- Records files that people give to the upload service (XEP-0363): who, and how many bytes; never a name or a
-- type. The moment is that of the slot, which is good for exactly one file of exactly this size.

local jid_bare = require "util.jid".bare;
local recorders = module:require "recorder";

local REQUEST = "iq-get/host/urn:xmpp:http:upload:0:request";
local BEFORE = 900; -- the service itself answers at 0, whoever refuses comes between

-- Writes one record of a slot that is about to be handed out. Returns the condition with which it has to be
-- refused, if it has to.
local function record(recorder, event, host)
	local stanza = event.stanza;
	local size = tonumber(stanza.tags[1].attr.size);
	local policy = recorder.policies:of_host(host);
	local _, refused = recorder:record(policy, event.origin, stanza, "upload", recorders.path_of(event.origin),
		jid_bare(stanza.attr.from), host, "", "", ("%d"):format(size), "none", false, false);
	return refused;
end

-- Hooks the upload service's host: its answer with a slot passes through here on its way to whoever asked.
local function watch(recorder, api)
	api:hook(REQUEST, function (event)
		local origin, asked = event.origin, { origin = event.origin, stanza = event.stanza };
		event.origin = setmetatable({ send = function (reply)
			if reply.attr.type == "result" then
				local refused = record(recorder, asked, api.host);
				if refused then return recorders.refuse(origin, asked.stanza, refused); end
			end
			return origin.send(reply);
		end }, { __index = origin });
	end, BEFORE);
end

return { watch = watch };
