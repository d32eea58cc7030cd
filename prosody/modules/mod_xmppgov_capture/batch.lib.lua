-- What is sent to the archive (docs/protocol/archive.md), made as text: elements of stanzas cost several
-- times as much to make and to write out. The spool's lines are the same text.

local st = require "util.stanza";
local remembering = module:require "address".remembering;

local NAMESPACE = "urn:xmppgov:archive:0";
local xml_escape = st.xml_escape;

-- An item is an empty element without the "<" before it and the "/>" behind it. What may become known later,
-- its stanza-id and its state, is the item's end, which leads over to the next item.
local NEXT = "/><";
local ENDS = { accepted = " state='accepted'"..NEXT, unconfirmed = " state='unconfirmed'"..NEXT, plain = NEXT };

-- Returns a table of addresses as the attribute `name`, "" for "".
local function attribute(name)
	return remembering(function (value)
		return value == "" and "" or " "..name.."='"..xml_escape(value).."'";
	end);
end

local from_attr, to_attr, room_attr = attribute "from", attribute "to", attribute "room";
local size_attr = remembering(function (size) return " size='"..size.."' enc='"; end);
local last_time, time_attr = nil, nil; -- many messages have the same

-- Returns the item of a record; "" stands for what is absent. It takes many parameters because a table for each
-- message costs more, in the collector, than all the rest. Addresses are escaped here; whoever calls it has
-- checked them and the identifier, and everything else is a number or a word of ours.
local function record(seq, id, t, kind, path, from, to, room, n, size, enc, oid)
	if t ~= last_time then last_time, time_attr = t, "' t='"..t.."' kind='"; end
	if n ~= "" then n = " n='"..n.."'"; end
	return "record seq='"..seq.."' id='"..id..time_attr..kind.."' path='"..path.."'"..from_attr[from]..to_attr[to]
		..room_attr[room]..n..size_attr[size]..enc..(oid == "" and "'" or "' oid='"..oid.."'");
end

-- Returns the item of a message that is only counted; `room` may be "".
local function counted(seq, room)
	return "counted seq='"..seq.."'"..room_attr[room];
end

local function hole(first, last, reason)
	return ("hole first='%d' last='%d' reason='%s'"):format(first, last, reason);
end

-- Returns the end of a record's item with the stanza-id that became known of it.
local function end_with_sid(sid, state)
	return " sid='"..sid.."'"..ENDS[state];
end

-- Whether a text is a whole item of a record or of a counted message.
local function is_item(text)
	local name = text:match("^%l+");
	return (name == "record" or name == "counted") and text:gsub(" %l+='[^'<>%c]*'", "") == name;
end

-- Returns what kind of item a text is and its number, or nil for another line of the spool.
local function number_of(text)
	local name, seq = text:match("^(%l+) seq='(%d+)'");
	return name, seq and math.floor(tonumber(seq));
end

-- Returns the item as that of another number.
local function renumbered(text, seq)
	return (text:gsub("%d+", ("%d"):format(seq), 1));
end

-- Returns the time (milliseconds) that a record's item tells, or nil.
local function time_of(text)
	return tonumber(text:match(" t='(%d+)'"));
end

local function element(name, attr)
	return setmetatable({ name = name, attr = attr, tags = {} }, st.stanza_mt);
end

-- Returns one text of items, given with their ends, to whose last one nothing leads over.
local function join(pieces, from, to)
	pieces[to] = pieces[to]:sub(1, -#NEXT - 1);
	return table.concat(pieces, "", from, to);
end

-- Returns the payload that sends joined items. Each text is one child, whose name it is: whatever writes the
-- stanza out writes "<", the name and "/>".
local function batch(epoch, first, last, waiting, texts)
	local payload = element("batch", {
		xmlns = NAMESPACE, epoch = ("%d"):format(epoch), first = ("%d"):format(first), last = ("%d"):format(last),
		waiting = ("%d"):format(waiting),
	});
	for i = 1, #texts do
		local child = element(texts[i], {});
		payload[i], payload.tags[i] = child, child;
	end
	return payload;
end

-- Returns the payload that asks what the archive has; `waiting` may be nil.
local function status(epoch, waiting)
	return element("status", {
		xmlns = NAMESPACE, epoch = ("%d"):format(epoch), waiting = waiting and ("%d"):format(waiting) or nil,
	});
end

return {
	NAMESPACE = NAMESPACE;
	ENDS = ENDS;
	record = record;
	counted = counted;
	hole = hole;
	end_with_sid = end_with_sid;
	is_item = is_item;
	number_of = number_of;
	renumbered = renumbered;
	time_of = time_of;
	join = join;
	batch = batch;
	status = status;
};
