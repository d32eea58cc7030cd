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

-- The fields of a record behind its number, in their order on the line. No field holds a control
-- character, so none can end itself, its line, or the XML that it is sent in.
local PATTERN = "^"..("(%C*)\t"):rep(11).."(%C*)$";
local RECORD = "^r\t%d+"..("\t%C*"):rep(12).."$";

-- Whether `text` is a record's line without its check value: as many fields as it must have, and clean.
local function is_record(text)
	return text:find(RECORD) ~= nil;
end

local function present(value)
	return value ~= "" and value or nil;
end

-- Returns the attributes on the wire that a record's fields stand for, with its number and its state;
-- `stanza_id`, if any, is what became known of it later. The constructor makes the table in one go. Returns
-- nil if they are no record's.
local function attributes(fields, seq, state, stanza_id)
	local id, t, kind, path, from, to, room, n, size, enc, oid, sid = fields:match(PATTERN);
	if not id then return nil; end
	return {
		seq = ("%d"):format(seq), state = state, id = id, t = t, kind = kind, path = path, from = present(from),
		to = present(to), room = present(room), n = present(n), size = size, enc = enc,
		oid = present(oid), sid = stanza_id or present(sid or ""),
	};
end

-- Returns the time of a record in milliseconds.
local function time_of(fields)
	return tonumber(fields:match("^[^\t]*\t(%d+)"));
end

return {
	seal = seal;
	unseal = unseal;
	is_record = is_record;
	attributes = attributes;
	time_of = time_of;
};
