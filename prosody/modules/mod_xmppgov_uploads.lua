-- A file's name says what is in it (XEP-0363): the upload service gets a random one, and its short ending.
-- The name that people see is in the encrypted message, or is not told. Load it on the upload component.

local new_id = require "util.id".long;

local longest_ending = 5; -- bytes: "webp", "jpeg", "docx"
local kept = { xmlns = true, filename = true, size = true, ["content-type"] = true };
local kinds = {
	application = true, audio = true, font = true, image = true, message = true, model = true, text = true, video = true;
};

local function random_name(name)
	local ending = name:lower():match("%.([a-z0-9]+)$");
	if not ending or #ending > longest_ending then return new_id(); end
	return new_id() .. "." .. ending;
end

local function is_media_type(text)
	local kind, rest = text:match("^(%l+)/([%w.+-]+)$");
	return kinds[kind] ~= nil and #rest <= 80;
end

-- The whole request is stored with the file: nothing else may be in it.
module:hook("iq-get/host/urn:xmpp:http:upload:0:request", function (event)
	local attr = event.stanza.tags[1].attr;
	for name in pairs(attr) do
		if not kept[name] then attr[name] = nil; end
	end
	if attr.filename then attr.filename = random_name(attr.filename); end
	if attr.size and not attr.size:find("^%d+$") then attr.size = nil; end
	if attr["content-type"] and not is_media_type(attr["content-type"]) then attr["content-type"] = nil; end
end, 100);
