-- Reads the spool back in order: only what is synced, and only records whose message has been handed
-- on or that a restart has marked. Every number comes once, in a record or in a hole.

local uv = require "luv";
local segments = module:require "segments";

local integer = function (text) return math.floor(tonumber(text)); end;

local reader = {};
local reader_mt = { __index = reader };

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

function reader:_release(unconfirmed_from)
	local window = self.window;
	self.window = {};
	for i = 1, #window do
		local entry = window[i];
		if not entry.reason then
			entry.state = unconfirmed_from and entry.seq >= unconfirmed_from and "unconfirmed" or "accepted";
		end
		self:_emit(entry);
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

-- Takes one line of a segment into account.
function reader:_read_line(text, start)
	if not text then
		self.journal.log("error", "Damaged line in %s at %d", self.segment.path, start);
		return;
	end
	local tag, rest = text:sub(1, 1), text:sub(3);
	if tag == "r" then
		local seq, fields = rest:match("^(%d+)\t(.*)$");
		seq = integer(seq);
		self.window[#self.window + 1] = self.journal.lost[seq] and { seq = seq, last = seq, reason = "lost" }
			or { seq = seq, last = seq, fields = fields };
	elseif tag == "a" then
		self:_amend(text);
	elseif tag == "c" then
		self:_release();
	elseif tag == "u" then
		self:_release(integer(rest:match("^%d+")));
	elseif tag == "h" then
		local first, last, reason = rest:match("^(%d+)\t(%d+)\t(%l+)$");
		self.window[#self.window + 1] = { seq = integer(first), last = integer(last), reason = reason };
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

return { new = new };
