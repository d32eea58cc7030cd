-- The bare addresses that a record may hold: the archive's grammar (docs/protocol/archive.md).

local utf8_valid = require "util.encodings".utf8.valid;
local jid_bare = require "util.jid".bare;

local LONGEST = 1023; -- bytes of one part (RFC 7622 §3.2, §3.3)

-- What is no blank and no control in ASCII, with at most one "@" between two parts: nearly every address.
local USUAL = "^[!-.0-?A-~]+@?[!-.0-?A-~]+$";

-- Unicode's other blanks and controls, in UTF-8: U+0080 to U+00A0, U+1680, U+2000 to U+200A, U+2028,
-- U+2029, U+202F, U+205F and U+3000. Prosody's nameprep lets blanks through.
local BLANKS = {
	"\194[\128-\160]", "\225\154\128", "\226\128[\128-\138\168\169\175]", "\226\129\159", "\227\128\128",
};

local function is_part(text)
	if #text == 0 or #text > LONGEST or text:find("[%s%c/@]") or not utf8_valid(text) then return false; end
	for i = 1, #BLANKS do
		if text:find(BLANKS[i]) then return false; end
	end
	return true;
end

-- Whether `text` is a bare address, of a person, a room or a host, that the archive takes.
local function is_bare(text)
	if #text <= LONGEST and text:find(USUAL) then return true; end
	local at = text:find("@", 1, true);
	return is_part(text:sub((at or 0) + 1)) and (not at or is_part(text:sub(1, at - 1)));
end

-- Returns a table that computes what it does not have, for what comes again and again. What is long is not kept,
-- and a full table is emptied: nobody fills the memory with addresses that they make up.
local MOST_KEPT, LONGEST_KEPT = 5000, 256;
local function remembering(compute)
	local count = 0;
	return setmetatable({}, { __index = function (self, text)
		local result = compute(text);
		if type(text) == "string" and #text > LONGEST_KEPT then return result; end
		if count >= MOST_KEPT then
			for key in next, self do self[key] = nil; end
			count = 0;
		end
		count = count + 1;
		self[text] = result;
		return result;
	end });
end

return {
	is_bare = is_bare;
	remembering = remembering;
	-- bare[address] is the bare address of any address, or false if it has none that a record may hold.
	bare = remembering(function (address)
		local bare = jid_bare(address);
		return bare and is_bare(bare) and bare or false;
	end);
};
