-- Turns a message that is about to be delivered into one record of a spool, or refuses it.

local st = require "util.stanza";
local jid_bare, jid_host = require "util.jid".bare, require "util.jid".host;
local time_now = require "util.time".now;
local batch = module:require "batch";
local classify = module:require "classify";
local thaw = module:require "thaw";
local uuid7 = module:require "uuid7".generate;

local hosts = prosody.hosts;
local floor = math.floor;
local read, identifier = classify.read, classify.identifier;
local item_of, ACCEPTED = batch.record, batch.ENDS.accepted;

local GATE = 50; -- priority

-- Why a message is refused: condition -> type and text.
local REFUSALS = {
	["resource-constraint"] =
		{ "wait", "This message cannot be recorded now, so it was not delivered. Please try again later." },
	["jid-malformed"] = { "modify", "An address of this message cannot be recorded, so it was not delivered." },
};

local recorder = {};
local recorder_mt = { __index = recorder };

-- `options`: extra (set of optional kinds), policies, counters.
local function new(options)
	local self = setmetatable({
		extra = options.extra, policies = options.policies, counters = options.counters, guarded = {}, sick = false,
	}, recorder_mt);
	function self.on_message(event) return self:gate(event); end
	return self;
end

-- Returns how a message came into this server.
local function path_of(origin)
	local kind = origin and origin.type;
	if kind == "c2s" then
		return origin.send and "c2s" or "local";
	elseif kind == "s2sin" or kind == "s2sout" then
		return "s2s-in";
	end
	return kind == "component" and origin.stream and "component" or "local"; -- our hosts have this type, but no stream
end

-- Returns who made a message, as `classify.read` asks: "client", "elsewhere" or nil.
local function source_of(origin)
	local kind = origin and origin.type;
	if kind == "c2s" then return "client"; end
	return (kind == "s2sin" or kind == "s2sout" or kind == "component" and origin.stream) and "elsewhere" or nil;
end

-- Returns what `classify.read` says of a message.
function recorder:examine(origin, stanza)
	return read(stanza, source_of(origin), self.extra);
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
	if not self.sick then return; end
	local policy = self.policies:of_stanza(event.stanza);
	if policy.level == "none" or not policy.closed or policy.channel.journal.healthy then return; end
	if self:examine(event.origin, event.stanza) then
		return refuse(event.origin, event.stanza, "resource-constraint");
	end
end

-- Hooks the gate to a host's events; they come to it only while a spool cannot be written.
function recorder:guard(api, events)
	for _, event in ipairs(events) do
		self.guarded[#self.guarded + 1] = { api = api, event = event };
		if self.sick then api:hook(event, self.on_message, GATE); end
	end
end

-- Tells whether there is a spool that cannot be written.
function recorder:set_sick(sick)
	if sick == self.sick then return; end
	self.sick = sick;
	for _, at in ipairs(self.guarded) do
		if sick then at.api:hook(at.event, self.on_message, GATE); else at.api:unhook(at.event, self.on_message); end
	end
end

-- Waits for a record. A session may end meanwhile: who comes behind then finds no more of it than the message
-- says. Returns true, or nil if the record is not on the disk.
local function wait(channel, seq, origin, stanza)
	local ok = channel:wait(seq);
	if origin and origin.destroyed and not stanza.attr.to then
		stanza.attr.to = jid_bare(stanza.attr.from);
	end
	thaw(origin);
	return ok;
end

-- Writes one record under `policy`, and waits for it where that says so. `from`, `to` and `room` are bare addresses,
-- or "/" for one that no record may hold; "" stands for what is absent, `oid` and `sid` may be false. Returns the
-- record's number, if there is one that can be amended, and the condition with which the message has to be refused,
-- if it has to.
function recorder:record(policy, origin, stanza, kind, path, from, to, room, occupants, size, enc, oid, sid)
	local level, channel = policy.level, policy.channel;
	if from == "/" or to == "/" or room == "/" then
		return nil, "jid-malformed"; -- nobody has such an address, and the archive knows none
	elseif level == "none" then
		self.counters.left_out = self.counters.left_out + 1;
		return nil;
	end
	local seq, err;
	if level == "counts" then
		seq, err = channel:count(room ~= "" and hosts[jid_host(room)] and room or "");
	else
		local now = floor(time_now() * 1000);
		seq, err = channel:append(item_of(channel.journal.seq + 1, uuid7(now), now, kind, path, from, to, room, occupants,
			size, enc, oid and identifier(oid) or ""), ACCEPTED);
		if sid and seq then channel:amend(seq, identifier(sid)); end
	end
	if not policy.closed then
		if not seq then channel:miss(err); end
	elseif not seq or not wait(channel, seq, origin, stanza) then
		return nil, "resource-constraint";
	end
	return level == "full" and seq or nil;
end

-- Adds the stanza-id that an archive of this server gave a recorded message.
local function amend(policy, seq, id)
	policy.channel:amend(seq, identifier(id));
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

-- Hooks a handler to several events of a host.
local function hook_each(api, events, priority, handler)
	for _, event in ipairs(events) do api:hook(event, handler, priority); end
end

return {
	new = new;
	refuse = refuse;
	amend = amend;
	path_of = path_of;
	stanza_id = stanza_id;
	hook_each = hook_each;
};
