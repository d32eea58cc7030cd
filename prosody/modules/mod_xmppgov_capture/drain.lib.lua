-- Sends the spool to the archive, one batch at a time (docs/protocol/archive.md), and lets the spool
-- forget what the archive has answered for.

local st = require "util.stanza";
local time_now = require "util.time".monotonic;
local batches = module:require "batch";
local readers = module:require "reader";

local NAMESPACE, item_of = batches.NAMESPACE, readers.item_of;
local RECORDS, BYTES = 1000, 400 * 1024; -- of one batch
local FIRST_DELAY, LONGEST_DELAY = 1, 60; -- seconds
local PATIENCE = 60; -- seconds, for an answer
local PACE = 0.1; -- seconds from one batch to the next that is not full
local MOST_LOST = 10; -- records in a row; an archive that refuses more has itself a fault

local drain = {};
local drain_mt = { __index = drain };

-- `options`: journal, recent (its newest items), server, archive (addresses), api (the module API of the
-- server's host), log, on_append (function, called after a record that the drain itself has written).
--
-- A parcel is what one batch sends: { first =, last =, texts = (joined items), entries = } with the reader's
-- entries, or without them where the items were at hand.
local function new(options)
	return setmetatable({
		journal = options.journal, recent = options.recent, reader = readers.new(options.journal),
		server = options.server, archive = options.archive, api = options.api, log = options.log,
		on_append = options.on_append,
		delay = FIRST_DELAY, sent = -PACE, generation = 0, acknowledged = 0, offered = 0, refused = {}, passed = {},
		batches = 0, conflicts = 0, limit = RECORDS, lost = 0,
	}, drain_mt);
end

-- Returns the next parcel, or nil if nothing is ready. It comes from the spool as long as the first number is
-- no longer among the newest ones.
function drain:_collect()
	local first, recent = self.acknowledged + 1, self.recent;
	if not recent:has(first) then
		self:_read_from(first);
		return self:_read();
	end
	self.reading = false;
	local texts, last = recent:take(self.journal.settled, RECORDS, BYTES);
	return texts and { first = first, last = last, texts = texts };
end

function drain:_read_from(first)
	if self.reading then return; end
	self.reading = true;
	self.reader:seek(first);
end

-- Returns the next parcel from the spool, up to `stop` if that is given.
function drain:_read(stop)
	local entries, pieces, bytes = {}, {}, 0;
	while #entries < self.limit do
		local entry = self.reader:peek(RECORDS);
		if not entry or entry.last > (stop or entry.last) or self.refused[entry.seq] and #entries > 0 then break; end
		local item, ending = item_of(entry);
		bytes = bytes + #item + #ending;
		if bytes > BYTES and #entries > 0 then break; end
		self.reader:take();
		if self.refused[entry.seq] then
			self:_pass(entry);
		else
			entries[#entries + 1], pieces[#pieces + 1], pieces[#pieces + 2] = entry, item, ending;
		end
	end
	if not entries[1] then return nil; end
	return { first = entries[1].seq, last = entries[#entries].last, texts = { batches.join(pieces, 1, #pieces) }, entries = entries };
end

-- Goes past a number that the archive holds with other content: its record gets a new number, once.
function drain:_pass(entry)
	self.refused[entry.seq], self.passed[entry.seq] = nil, true;
	self.acknowledged = math.max(self.acknowledged, entry.last);
	local seq = self.journal.seq + 1;
	if entry.item and self.journal:append(batches.renumbered(entry.item, seq)) then
		self.passed[seq] = true;
		self.recent:clear(seq + 1);
		self.on_append();
	end
end

-- Sends a request and calls `answered(payload)` or `refused(condition, stanza)`, unless a newer
-- connection of the archive has made the request stale.
function drain:_request(kind, payload, answered, refused)
	self.generation = self.generation + 1;
	local generation = self.generation;
	self.busy = true;
	-- The archive is in the id: `send_iq` takes each id once, and forgets the first request when it refuses the second.
	local id = ("capture-%s-%d-%d"):format(self.archive, self.journal.now(), generation);
	local iq = st.iq { type = kind, from = self.server, to = self.archive, id = id };
	iq:add_direct_child(payload);
	local function fresh() return generation == self.generation; end
	local function fail(condition, stanza)
		self.busy = false;
		refused(condition, stanza);
	end
	self.api:send_iq(iq, nil, PATIENCE):next(function (event)
		if not fresh() then return; end
		local stanza = event.stanza;
		if stanza.attr.type == "error" then
			return fail(select(2, stanza:get_error()), stanza);
		end
		self.busy = false;
		answered(stanza.tags[1]);
	end, function (err)
		if fresh() then
			fail(type(err) == "table" and err.condition or tostring(err), type(err) == "table" and err.context and err.context.stanza);
		end
	end):catch(function (err)
		self.busy = false;
		self.log("error", "Sending to the archive failed: %s", err);
		self:_later();
	end);
end

-- Waits a moment for more records, unless there are enough for a full batch: whatever its size, a batch
-- costs the server a request and the archive a commit.
function drain:_gather()
	local wait = self.sent + PACE - time_now();
	if wait <= 0 or self.journal.seq - self.acknowledged >= RECORDS then return false; end
	self.timer = self.api:add_timer(wait, function ()
		self.timer = nil;
		self:kick();
	end);
	return true;
end

-- Sends what is ready, if nothing is under way.
function drain:kick()
	if self.busy or self.timer or not self.journal.healthy then return; end
	if not self.settled then return self:_ask(); end
	if self:_gather() then return; end
	local parcel = self.pending or self:_collect();
	if not parcel then return self:_release(); end
	self.pending, self.sent, self.offered = parcel, time_now(), math.max(self.offered, parcel.last);
	local waiting = math.max(0, self.journal.seq - parcel.last);
	local batch = batches.batch(self.journal.epoch, parcel.first, parcel.last, waiting, parcel.texts);
	self:_request("set", batch, function (payload)
		self:_committed(payload, parcel);
	end, function (condition, stanza)
		self:_refused(condition, stanza, parcel);
	end);
end

-- Lets the spool forget what the archive has; what it keeps a little longer, also where nothing more is said.
function drain:_release()
	local wait = self.journal:release(self.acknowledged);
	if not wait or self.releasing then return; end
	self.releasing = self.api:add_timer(wait, function ()
		self.releasing = nil;
		self:_release();
	end);
end

-- The archive's connection is new: whatever was under way is void, and there is no reason to wait. It is asked
-- again what it has, which tells one that was put back to an earlier state.
function drain:connected()
	self.generation = self.generation + 1;
	self.busy, self.delay, self.settled = false, FIRST_DELAY, false;
	if self.timer then
		self.timer:stop();
		self.timer = nil;
	end
	self:kick();
end

function drain:_later()
	if self.timer then return; end
	self.timer = self.api:add_timer(self.delay, function ()
		self.timer = nil;
		self:kick();
	end);
	self.delay = math.min(self.delay * 2, LONGEST_DELAY);
end

function drain:_trouble(condition)
	if self.trouble ~= condition then
		self.trouble = condition;
		self.log(condition == "bad-request" and "error" or "warn",
			"The archive %s does not take batches: %s; trying again", self.archive, condition);
	end
	self:_later();
end

function drain:_well()
	if self.trouble then
		self.log("info", "The archive %s takes batches again", self.archive);
	end
	self.trouble, self.delay = nil, FIRST_DELAY;
end

-- Returns the time (milliseconds) of the oldest record that the archive has not answered for, or nil. A hole
-- and a message that is only counted have none.
function drain:oldest()
	local first, pending = self.acknowledged + 1, self.pending;
	if first > self.journal.seq then return nil; end
	local text = pending and pending.texts[1] or self.recent:has(first) and self.recent:oldest();
	if text then return batches.time_of(text); end
	self:_read_from(first);
	local entry = self.reader:peek(RECORDS);
	return entry and entry.item and batches.time_of(entry.item);
end

-- Asks what the archive has of this epoch, so that a restart sends nothing twice.
function drain:_ask()
	local journal = self.journal;
	local waiting = self.known and journal.seq - self.acknowledged;
	self:_request("get", batches.status(journal.epoch, waiting), function (payload)
		local last = payload and tonumber(payload.attr.epoch) == journal.epoch and tonumber(payload.attr.last);
		if not last then return self:_trouble("its status cannot be read"); end
		self:_settle(math.floor(last));
	end, function (condition)
		self:_trouble(condition);
	end);
end

-- Says to the archive every `interval` seconds that the server lives, where no batch has said it: asks it again.
function drain:live(interval)
	self.api:add_timer(interval, function ()
		if not self.busy and not self.timer and time_now() - self.sent >= interval then
			self.settled = false;
			self:kick();
		end
		return interval;
	end);
end

function drain:_settle(last)
	local known = math.max(self.journal.recovered or 0, self.offered);
	if last > known then
		self.log("error", "ALARM: the archive has numbers up to %d, this spool had only given out %d; going on behind them", last, known);
		self.journal:skip_to(last);
		self.recent:clear(self.journal.seq + 1);
	end
	self.settled, self.known = true, true;
	self:_well();
	self:_seek(math.min(last, known));
end

-- Goes on behind `acknowledged`.
function drain:_seek(acknowledged)
	self.acknowledged, self.pending, self.reading = acknowledged, nil, false;
	self:kick();
end

function drain:_committed(payload, parcel)
	local committed = payload and payload.name == "committed" and tonumber(payload.attr.last);
	if not committed or committed < parcel.last then
		return self:_trouble("it answered without committing");
	end
	self.pending, self.acknowledged = nil, parcel.last;
	self.batches = self.batches + 1;
	self.limit = math.min(self.limit * 2, RECORDS);
	local entries = parcel.entries;
	if not entries or entries[1].item or entries[#entries].item then self.lost = 0; end
	self:_well();
	self:_release();
	self:kick();
end

local function detail(stanza, name)
	local err = stanza and stanza:get_child("error");
	local child = err and err:get_child(name, NAMESPACE);
	return child and tonumber(child.attr.seq) and math.floor(tonumber(child.attr.seq));
end

-- Returns the entries of a parcel, read from the spool where it was not; everything that waits is then read from
-- there, where what is lost and refused is told apart.
function drain:_entries(parcel)
	if not parcel.entries then
		self.recent:clear(self.journal.seq + 1);
		self.reading = false;
		self:_read_from(parcel.first);
		local read = self:_read(parcel.last);
		parcel.entries = read and read.entries or {};
	end
	return parcel.entries;
end

function drain:_refused(condition, stanza, parcel)
	local known, expected = detail(stanza, "known"), detail(stanza, "expected");
	if condition == "conflict" and known then
		return self:_conflict(known, parcel);
	elseif condition == "unexpected-request" and expected and expected < parcel.first then
		self.log("warn", "The archive expects number %d; going back", expected);
		return self:_seek(expected - 1);
	elseif condition == "bad-request" then
		return self:_malformed(parcel);
	end
	self:_trouble(condition);
end

-- The archive takes nothing of this batch. Half of it is tried, until it is the one record that the
-- archive cannot take; that is lost, and what waits behind it is not.
function drain:_malformed(parcel)
	local first, entries = parcel.first, self:_entries(parcel);
	if #entries > 1 then
		self.limit = #entries // 2;
		return self:_seek(first - 1);
	end
	local entry = entries[1];
	if not entry or entry.reason or self.lost >= MOST_LOST then
		return self:_trouble("bad-request");
	end
	local ok, err = self.journal:lose(first);
	if not ok then return self:_trouble(err); end
	self.lost = self.lost + 1;
	self.log("error", "ALARM: the archive refuses the record %d of epoch %d as malformed; it is lost, and a hole says so",
		first, self.journal.epoch);
	self:_seek(first - 1);
end

-- The archive holds this number with other content. That stands; our record gets a new number.
function drain:_conflict(known, parcel)
	self.conflicts = self.conflicts + 1;
	self.log("error", "ALARM: the archive has other content for number %d of epoch %d", known, self.journal.epoch);
	for _, entry in ipairs(self:_entries(parcel)) do
		if entry.seq <= known and known <= entry.last and not self.passed[entry.seq] then
			self.refused[entry.seq] = true;
			return self:_seek(parcel.first - 1);
		end
	end
	self:_trouble("conflict");
end

return { new = new };
