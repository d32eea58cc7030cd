-- Reads the spool back in order: only what is synced, and only records whose message has been handed
-- on or that a restart has marked. Every number comes once, in a record, a counted message or a hole.

local uv = require "luv";
local segments = module:require "segments";
local batch = module:require "batch";
local older = module:require "older";

local ENDS, is_item, number_of = batch.ENDS, batch.is_item, batch.number_of;

local integer = function (text) return math.floor(tonumber(text)); end;

local reader = {};
local reader_mt = { __index = reader };

-- An entry is { seq =, last = } with one of: item (a record's or a counted message's; then also ending) or
-- reason (of a hole).
local function new(journal)
	local self = setmetatable({ journal = journal }, reader_mt);
	self:seek(0);
	return self;
end

-- Begins again at the number `seq`, or at the oldest one that the spool has if that is later.
function reader:seek(seq)
	self.next, self.window, self.ready, self.head = seq, {}, {}, 1;
	self.segment, self.offset = nil, 0;
	for _, segment in ipairs(self.journal.list) do
		if not self.segment or segment.first <= seq then
			self.segment = segment;
		end
	end
end

function reader:_emit(entry)
	if entry.last < self.next then return; end
	if entry.seq > self.next and self.next > 0 then
		self.ready[#self.ready + 1] = { seq = self.next, last = entry.seq - 1, reason = "lost" };
	elseif entry.seq < self.next then
		entry.seq = self.next; -- a hole whose beginning the archive has already
	end
	self.ready[#self.ready + 1] = entry;
	self.next = entry.last + 1;
end

-- Lets go what lies up to `last`; records from `unconfirmed` on are so.
function reader:_release(last, unconfirmed)
	local window = self.window;
	self.window = {};
	for i = 1, #window do
		local entry = window[i];
		if entry.seq > last then
			self.window[#self.window + 1] = entry;
		else
			entry.state = entry.seq >= unconfirmed and "unconfirmed" or "accepted";
			self:_emit(entry);
		end
	end
end

function reader:_amend(text)
	local ids = {};
	for seq, id in text:gmatch("\t(%d+)\t([^\t]+)") do
		ids[integer(seq)] = id;
	end
	for i = 1, #self.window do
		local entry = self.window[i];
		entry.sid = ids[entry.seq] or entry.sid;
	end
end

function reader:_add(seq, last, name, value)
	local entry = { seq = seq, last = last };
	if self.journal.lost[seq] then name, value = "reason", "lost"; end
	if value == nil then name, value = "reason", "lost"; end
	entry[name] = value;
	self.window[#self.window + 1] = entry;
	return entry;
end

local LINES = {
	a = reader._amend;
	c = function (self, text) self:_release(integer(text:match("%d+")), math.huge); end;
	u = function (self, text)
		local first, last = text:match("(%d+)\t(%d+)");
		self:_release(integer(last), integer(first));
	end;
	h = function (self, text)
		local first, last, reason = text:match("(%d+)\t(%d+)\t(%l+)$");
		self:_add(integer(first), integer(last), "reason", reason);
	end;
	r = function (self, text)
		local seq, item, sid = older.record(text);
		self:_add(seq, seq, "item", item).sid = sid;
	end;
};

-- Takes one line of a segment into account. A whole line that is no item says nothing that can be sent.
function reader:_read_line(text, start)
	if not text then
		self.journal.log("error", "Damaged line in %s at %d", self.segment.path, start);
		return;
	end
	local name, seq = number_of(text);
	if not name then
		local read = LINES[text:match("^(%l)\t")];
		if read then read(self, text); end
	elseif is_item(text) then
		self:_add(seq, seq, "item", text);
	end
end

function reader:_next_segment()
	local list = self.journal.list;
	for i = 1, #list do
		if list[i].first > self.segment.first then
			self.segment, self.offset = list[i], 0;
			return true;
		end
	end
end

-- Reads on until `wanted` entries are ready or the synced end is reached.
function reader:_fill(wanted)
	local journal = self.journal;
	if not self.segment then self:seek(self.next); end
	while self.segment and #self.ready - self.head + 1 < wanted do
		local limit = self.segment == journal.current and journal.durable or nil;
		if limit and self.offset >= limit then return; end
		local fd = uv.fs_open(self.segment.path, "r", 0);
		if fd then
			self.offset = segments.each_line(fd, self.offset, limit, function (text, start)
				if start > 0 then self:_read_line(text, start); end
				return #self.ready - self.head + 1 >= wanted;
			end);
			uv.fs_close(fd);
		end
		if #self.ready - self.head + 1 < wanted and (limit or not self:_next_segment()) then
			return;
		end
	end
end

-- Returns the next entry without taking it, or nil.
function reader:peek(wanted)
	if not self.ready[self.head] then
		self.ready, self.head = {}, 1;
		self:_fill(wanted or 1);
	end
	return self.ready[self.head];
end

-- Takes the entry that `peek` has shown.
function reader:take()
	self.head = self.head + 1;
end

-- Returns what is sent for an entry, and its end.
local function item_of(entry)
	local item = entry.item;
	if not item then
		return batch.hole(entry.seq, entry.last, entry.reason), ENDS.plain;
	elseif number_of(item) ~= "record" then
		return item, ENDS.plain;
	end
	return item, entry.sid and batch.end_with_sid(entry.sid, entry.state) or ENDS[entry.state];
end

return {
	new = new;
	item_of = item_of;
};
