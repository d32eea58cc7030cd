-- Lines of the spool's first version, which a server may still have had when it got this one.

local xml_escape = require "util.stanza".xml_escape;
local batch = module:require "batch";

local FIELDS = "^r\t(%d+)\t"..("(%C*)\t"):rep(11).."(%C*)$";

-- Returns the number, the item and the stanza-id (or nil) of a record's line; the item is nil if it is none.
local function record(text)
	local seq, id, t, kind, path, from, to, room, n, size, enc, oid, sid = text:match(FIELDS);
	if not seq then return math.floor(tonumber(text:match("%d+"))), nil; end
	local item = batch.record(seq, xml_escape(id), xml_escape(t), xml_escape(kind), xml_escape(path), from, to, room,
		xml_escape(n), xml_escape(size), xml_escape(enc), xml_escape(oid));
	return math.floor(tonumber(seq)), item, sid ~= "" and xml_escape(sid) or nil;
end

return { record = record };
