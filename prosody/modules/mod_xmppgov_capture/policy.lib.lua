-- What is recorded of a message, for which archive, and whether it waits for its record: by room, class of
-- rooms (the directory's kind of body) and domain.

local jid_host = require "util.jid".host;

local hosts = prosody.hosts;

-- How much: from nothing over number and room to everything that a record holds.
local LEVELS = { none = 0, counts = 1, full = 2 };
local MODES = { open = true, closed = true };

-- The kinds of body that a chamber has. What is said there may matter in a dispute between its parties: it is
-- never delivered without its record. A group's own affairs are nobody's but the group's: they are only counted.
local CHAMBER = { "chamber", "group", "committee", "inquiry", "delegation", "mission", "office" };

local function built_in()
	local level, mode = { ["*"] = "full", ["class:group"] = "counts" }, { ["*"] = "open" };
	for _, class in ipairs(CHAMBER) do mode["class:"..class] = "closed"; end
	return { level = level, fail = mode, archive = {} };
end

local policies = {};
local policies_mt = { __index = policies };

-- `settings` is { level =, fail =, archive = }, each a table of values by "*", domain, "class:" and class, or
-- room. `channels` are the channels by the archive's address.
local function new(settings, channels)
	local self = setmetatable({ settings = settings, channels = channels, known = {}, rooms = {}, hosts = {}, pairs = {} },
		policies_mt);
	self.default = self:_policy(self:_find());
	for _, values in pairs(settings) do
		for key in pairs(values) do
			self.by_domain = self.by_domain or key ~= "*" and not key:find("[:@]");
		end
	end
	return self;
end

-- Returns the one policy with these properties: { level =, closed =, channel =, archive = }.
function policies:_policy(level, mode, archive)
	local key = level.." "..mode.." "..archive;
	local policy = self.known[key];
	if not policy then
		policy = { level = level, closed = mode == "closed", archive = archive, channel = self.channels[archive] };
		self.known[key] = policy;
	end
	return policy;
end

-- Returns level, mode and archive of what these keys name, the most particular one first; each may be nil.
function policies:_find(room, class, domain)
	local function value(values)
		return room and values[room] or class and values["class:"..class] or domain and values[domain] or values["*"];
	end
	local settings = self.settings;
	return value(settings.level), value(settings.fail), value(settings.archive);
end

-- Returns the policy of a room here.
function policies:of_room(room)
	local jid, class = room.jid, room._data.xmppgov_class or "";
	local found = self.rooms[jid];
	if not found or found.class ~= class then
		found = { class = class, policy = self:_policy(self:_find(jid, class, jid_host(jid))) };
		self.rooms[jid] = found;
	end
	return found.policy;
end

-- Returns the policy of the people and services of a host here.
function policies:of_host(host)
	local policy = self.hosts[host];
	if not policy then
		policy = self:_policy(self:_find(nil, nil, host));
		self.hosts[host] = policy;
	end
	return policy;
end

-- Two domains of this server speak: less is recorded where one of them wants less, and it waits where one of
-- them waits; the record is the sender's archive's.
function policies:both(sender, recipient)
	local level = LEVELS[sender.level] < LEVELS[recipient.level] and sender.level or recipient.level;
	return self:_policy(level, (sender.closed or recipient.closed) and "closed" or "open", sender.archive);
end

-- Returns the policy of a message between two bare addresses, of which one at least is of this server.
function policies:between(from, to)
	if not self.by_domain then return self.default; end
	local sender, recipient = jid_host(from), jid_host(to);
	local sends, receives = hosts[sender], hosts[recipient];
	if not (sends and receives) or sender == recipient then
		return self:of_host(sends and sender or receives and recipient or "");
	end
	return self:both(self:of_host(sender), self:of_host(recipient));
end

-- Returns the policy of a message that is on its way to a room, a person or a service.
function policies:of_stanza(stanza)
	local to = stanza.attr.to;
	local host = to and hosts[jid_host(to)];
	local muc = host and host.modules and host.modules.muc;
	if not muc then return self:between(stanza.attr.from or "", to or ""); end
	local room = muc.get_room_from_jid(to:match("^[^/]+"));
	return room and self:of_room(room) or self:of_host(host.host);
end

return {
	new = new;
	built_in = built_in;
	LEVELS = LEVELS;
	MODES = MODES;
};
