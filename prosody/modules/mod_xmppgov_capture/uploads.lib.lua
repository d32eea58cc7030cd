-- Records files that people give to the upload service (XEP-0363): who, and how many bytes; never a name or a
-- type. The moment is that at which the service has the whole file. Where the files go to another machine
-- (`http_file_share_base_url`), it is that of the slot, which is good for one file of exactly this size.

local base64_decode = require "util.encodings".base64.decode;
local json_decode = require "util.json".decode;
local server = require "net.http.server";
local bare_of = module:require "address".bare;
local recorders = module:require "recorder";

local SERVICE = "http_file_share";
local REQUEST = "iq-get/host/urn:xmpp:http:upload:0:request";
local BEFORE = 900; -- the service itself answers at 0, whoever refuses comes between

-- Writes one record of a file. Returns the condition with which it has to be refused, if it has to.
local function record(recorder, origin, stanza, uploader, size, host)
	local policy = recorder.policies:between(uploader, host);
	local counters = recorder.counters;
	counters.seen = counters.seen + 1;
	return select(2, recorder:record(policy, origin, stanza, "upload", recorders.path_of(origin), uploader, host, "", "",
		("%d"):format(size), "none", false, false));
end

-- Returns what a file's ticket (a JSON Web Token, which the service has checked) says: who uploads, how much.
local function ticket_of(request)
	local payload = (request.headers.authorization or ""):match("^Bearer [%w_-]+%.([%w_-]+)%.");
	local text = payload and base64_decode(payload:gsub("[-_]", { ["-"] = "+", ["_"] = "/" }).."==");
	local claims = text and json_decode(text);
	if type(claims) ~= "table" or not tonumber(claims.filesize) then return nil; end
	return bare_of[claims.sub] or "/", tonumber(claims.filesize);
end

-- Returns how the requests begin that bring a file to this host's service (mod_http's own rules).
local function beginning(api)
	local path = (api:get_option("http_paths", {}).file_share or "/file_share"):gsub("%$(%w+)", { host = api.host });
	return "PUT "..api:get_option_string("http_host", api.host)..path:gsub("/$", "").."/";
end

-- A file is whole when the service says "created"; if it cannot be recorded, the person is told that it failed.
local function watch_files(recorder, api)
	local put = beginning(api);
	api:wrap_object_event(server._events, false, function (handle, name, event)
		local result = handle(name, event);
		if result == 201 and name:sub(1, #put) == put then
			local uploader, size = ticket_of(event.request);
			if not uploader or record(recorder, nil, nil, uploader, size, api.host) then return 503; end
		end
		return result;
	end);
end

-- The service's answer with a slot passes through here on its way to whoever asked.
local function watch_slots(recorder, api)
	api:hook(REQUEST, function (event)
		local origin, stanza = event.origin, event.stanza;
		event.origin = setmetatable({ send = function (reply)
			if reply.attr.type == "result" then
				local size = tonumber(stanza.tags[1].attr.size);
				local refused = record(recorder, origin, stanza, bare_of[stanza.attr.from] or "/", size, api.host);
				if refused then return recorders.refuse(origin, stanza, refused); end
			end
			return origin.send(reply);
		end }, { __index = origin });
	end, BEFORE);
end

-- Records the files of a host, if it is an upload service.
local function watch(recorder, api)
	if api:get_option_string("component_module") ~= SERVICE and not prosody.hosts[api.host].modules[SERVICE] then return; end
	if api:get_option_string(SERVICE.."_base_url") then watch_slots(recorder, api); else watch_files(recorder, api); end
end

return { watch = watch };
