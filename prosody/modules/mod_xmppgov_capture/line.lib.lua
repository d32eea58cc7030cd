-- One line of the spool: tab-separated fields, then a check value (docs/protocol/capture.md).

local md5 = require "util.hashes".md5;

local CHECK = 8; -- hexadecimal digits; enough to tell a torn or damaged line from a whole one

-- Returns `text` as a whole line of the spool.
local function seal(text)
	return text.."\t"..md5(text, true):sub(1, CHECK).."\n";
end

-- Returns the text of a line (given without its newline), or nil if it is torn or damaged.
local function unseal(line)
	local text = line:sub(1, -CHECK - 2);
	if line:sub(-CHECK - 1) == "\t"..md5(text, true):sub(1, CHECK) then
		return text;
	end
end

-- The fields of a record behind its number, in their order on the line and as on the wire.
local FIELDS = { "id", "t", "kind", "path", "from", "to", "room", "n", "size", "enc", "oid", "sid" };
local PATTERN = "^"..("([^\t]*)\t"):rep(#FIELDS - 1).."([^\t]*)$";

-- Returns the attributes that a record's fields stand for; an empty field is an absent attribute.
local function attributes(fields)
	local found = { fields:match(PATTERN) };
	local attr = {};
	for i = 1, #found do
		if found[i] ~= "" then
			attr[FIELDS[i]] = found[i];
		end
	end
	return attr;
end

return {
	seal = seal;
	unseal = unseal;
	attributes = attributes;
};
