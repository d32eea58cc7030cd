-- Turns a message that is about to be delivered into one record of the spool, or refuses it.

local st = require "util.stanza";
local jid_host = require "util.jid".host;
local time_now = require "util.time".now;
local address = module:require "address";
local classify = module:require "classify";
local uuid7 = module:require "uuid7".generate;

local hosts = prosody.hosts;
local floor, is_bare = math.floor, address.is_bare;
local read, kind_of, encryption, size_of, identifier =
	classify.read, classify.kind, classify.encryption, classify.size, classify.identifier;

-- Why a message is refused: condition -> type and text.
local REFUSALS = {
	["resource-constraint"] =
		{ "wait", "This message cannot be recorded now, so it was not delivered. Please try again later." },
	["jid-malformed"] = { "modify", "An address of this message cannot be recorded, so it was not delivered." },
};

local recorder = {};
local recorder_mt = { __index = recorder };

-- `options`: journal, extra (set of optional kinds), closed (refuse what cannot be recorded),
-- counters, on_append (function, called after each record).
local function new(options)
	return setmetatable({
		journal = options.journal, extra = options.extra, closed = options.closed,
		counters = options.counters, on_append = options.on_append,
	}, recorder_mt);
end

-- Returns how a message came into this server.
local function path_of(origin)
	local kind = origin and origin.type;
	if kind == "s2sin" or kind == "s2sout" then
		return "s2s-in";
	elseif kind == "component" and origin.stream then
		return "component"; -- a host of our own that sends has this type, too, but no stream
	end
	return kind == "c2s" and origin.send and "c2s" or "local";
end

-- Returns who made a message, as `classify.read` asks: "client", "elsewhere" or nil.
local function source_of(origin)
	if not origin then return nil; end
	local kind = origin.type;
	if kind == "c2s" then return "client"; end
	return (kind == "s2sin" or kind == "s2sout" or kind == "component" and origin.stream) and "elsewhere" or nil;
end

-- Returns what a message's elements say, and its kind, or nil for what gives no record.
function recorder:examine(origin, stanza)
	local facts = read(stanza, source_of(origin));
	return facts, kind_of(facts, stanza, self.extra);
end

-- Counts a message that gives no record.
function recorder:skip()
	self.counters.skipped = self.counters.skipped + 1;
end

-- Answers a message that cannot be recorded, and stops its delivery. An error is only dropped.
local function refuse(origin, stanza, condition)
	if stanza.attr.type ~= "error" then
		local refusal = REFUSALS[condition];
		local reply = st.error_reply(stanza, refusal[1], condition, refusal[2]);
		if origin and origin.send then
			origin.send(reply);
		elseif hosts[jid_host(reply.attr.to or "")] then
			module:send(reply);
		end
	end
	return true;
end

-- Refuses what could not be recorded before archives, carbons and push see it.
function recorder:gate(event)
	if self.journal.healthy or not self.closed then return; end
	local _, kind = self:examine(event.origin, event.stanza);
	if kind then
		return refuse(event.origin, event.stanza, "resource-constraint");
	end
end

-- Writes one record; "" stands for what is absent, `oid` and `sid` may be nil. It takes many parameters
-- because a table for each message costs more, in the collector, than all the rest. Returns the record's
-- number or nil, and the condition with which the message has to be refused, if it has to.
function recorder:record(stanza, facts, kind, path, from, to, room, occupants, oid, sid)
	local journal, counters = self.journal, self.counters;
	if not (is_bare(from) and (to == "" or is_bare(to)) and (room == "" or is_bare(room))) then
		return nil, "jid-malformed"; -- nobody has such an address, and the archive knows none
	end
	local now = floor(time_now() * 1000);
	local seq, err = journal:next_seq();
	if seq then
		seq, err = journal:append(seq, "r\t"..seq.."\t"..uuid7(now).."\t"..now.."\t"..kind.."\t"..path.."\t"..from.."\t"..to
			.."\t"..room.."\t"..occupants.."\t"..size_of(stanza).."\t"..encryption(facts).."\t"..identifier(oid).."\t"..identifier(sid));
	end
	if seq then
		counters.records = counters.records + 1;
		self.on_append();
		return seq;
	elseif self.closed then
		return nil, "resource-constraint";
	end
	journal.missed = journal.missed + 1;
	counters.missed = counters.missed + 1;
	module:log("warn", "A message passed without a record: %s", err);
end

-- Adds the stanza-id that an archive of this server gave a recorded message.
function recorder:amend(seq, id)
	self.journal:amend(seq, identifier(id));
end

-- Returns the stanza-id (XEP-0359) that the archive of `by` put into a stanza.
local function stanza_id(stanza, by)
	local tags = stanza.tags;
	for i = #tags, 1, -1 do
		local attr = tags[i].attr;
		if attr.xmlns == "urn:xmpp:sid:0" and attr.by == by and tags[i].name == "stanza-id" then
			return attr.id;
		end
	end
end

-- Hooks a method of `self` to several events of a host.
local function hook_each(api, events, priority, self, method)
	local function handler(event) return self[method](self, event); end
	for _, event in ipairs(events) do api:hook(event, handler, priority); end
end

return {
	new = new;
	refuse = refuse;
	path_of = path_of;
	stanza_id = stanza_id;
	hook_each = hook_each;
};
