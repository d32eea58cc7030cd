-- Sends the spool to the archive, one batch at a time (docs/protocol/archive.md), and lets the spool
-- forget what the archive has answered for.

local st = require "util.stanza";
local time_now = require "util.time".monotonic;
local line = module:require "line";
local reader = module:require "reader";

local NAMESPACE = "urn:xmppgov:archive:0";
local RECORDS, BYTES = 500, 200 * 1024; -- of one batch
local RECORD_BYTES = 180; -- of a record's XML, besides its values
local FIRST_DELAY, LONGEST_DELAY = 1, 60; -- seconds
local PATIENCE = 60; -- seconds, for an answer
local PACE = 0.1; -- seconds from one batch to the next that is not full
local MOST_LOST = 10; -- records in a row; an archive that refuses more has itself a fault

local drain = {};
local drain_mt = { __index = drain };

-- `options`: journal, server, archive (addresses), api (the module API of the server's host), log.
local function new(options)
	return setmetatable({
		journal = options.journal, reader = reader.new(options.journal),
		server = options.server, archive = options.archive, api = options.api, log = options.log,
		delay = FIRST_DELAY, sent = -PACE, generation = 0, acknowledged = 0, refused = {}, passed = {},
		batches = 0, conflicts = 0, limit = RECORDS, lost = 0,
	}, drain_mt);
end

local function element(name, attr)
	return setmetatable({ name = name, attr = attr, tags = {} }, st.stanza_mt);
end

-- A line that is no record's, though it is whole, says nothing that can be sent.
local function entry_element(entry)
	local record = not entry.reason and line.attributes(entry.fields, entry.seq, entry.state, entry.sid);
	if record then return element("record", record); end
	return element("hole", {
		first = ("%d"):format(entry.seq), last = ("%d"):format(entry.last), reason = entry.reason or "lost",
	});
end

-- Takes entries for one batch from the reader. Returns them, or nil if there are none.
function drain:_collect()
	local entries, bytes = {}, 0;
	while #entries < self.limit do
		local entry = self.reader:peek(RECORDS);
		if not entry or self.refused[entry.seq] and #entries > 0 then break; end
		local cost = RECORD_BYTES + (entry.fields and #entry.fields or 0);
		if bytes + cost > BYTES and #entries > 0 then break; end
		self.reader:take();
		if self.refused[entry.seq] then
			self:_pass(entry);
		else
			bytes = bytes + cost;
			entries[#entries + 1] = entry;
		end
	end
	return entries[1] and entries or nil;
end

-- Goes past a number that the archive holds with other content: its record gets a new number, once.
function drain:_pass(entry)
	self.refused[entry.seq], self.passed[entry.seq] = nil, true;
	self.acknowledged = math.max(self.acknowledged, entry.last);
	if entry.reason then return; end
	local journal = self.journal;
	local seq = journal:next_seq();
	if seq and journal:append(seq, "r\t"..seq.."\t"..entry.fields) then
		self.passed[seq] = true;
		self.on_append();
	end
end

function drain:_batch(entries)
	local first, last = entries[1].seq, entries[#entries].last;
	local batch = element("batch", {
		xmlns = NAMESPACE, epoch = ("%d"):format(self.journal.epoch),
		first = ("%d"):format(first), last = ("%d"):format(last),
	});
	for i = 1, #entries do
		local child = entry_element(entries[i]);
		batch[i], batch.tags[i] = child, child;
	end
	return batch, last;
end

-- Sends a request and calls `answered(payload)` or `refused(condition, stanza)`, unless a newer
-- connection of the archive has made the request stale.
function drain:_request(kind, payload, answered, refused)
	self.generation = self.generation + 1;
	local generation = self.generation;
	self.busy = true;
	local iq = st.iq { type = kind, from = self.server, to = self.archive, id = ("capture-%d-%d"):format(self.journal.now(), generation) };
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
	local entries = self.pending or self:_collect();
	if not entries then
		return self.journal:release(self.acknowledged);
	end
	self.pending, self.sent = entries, time_now();
	local batch, last = self:_batch(entries);
	self:_request("set", batch, function (payload)
		self:_committed(payload, last, entries[1].fields or entries[#entries].fields);
	end, function (condition, stanza)
		self:_refused(condition, stanza, entries);
	end);
end

-- The archive's connection is new: whatever was under way is void, and there is no reason to wait.
function drain:connected()
	self.generation = self.generation + 1;
	self.busy, self.delay = false, FIRST_DELAY;
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

-- Returns the time (milliseconds) of the oldest record that the archive has not answered for, or nil.
function drain:oldest()
	local entry = self.pending and self.pending[1] or self.reader:peek(RECORDS);
	local fields = entry and entry.fields;
	return fields and line.time_of(fields);
end

-- Asks what the archive has of this epoch, so that a restart sends nothing twice.
function drain:_ask()
	local epoch = ("%d"):format(self.journal.epoch);
	self:_request("get", element("status", { xmlns = NAMESPACE, epoch = epoch }), function (payload)
		local last = payload and payload.attr.epoch == epoch and tonumber(payload.attr.last);
		if not last then return self:_trouble("its status cannot be read"); end
		self:_settle(math.floor(last));
	end, function (condition)
		self:_trouble(condition);
	end);
end

function drain:_settle(last)
	local known = self.journal.recovered or 0;
	if last > known then
		self.log("error", "ALARM: the archive has numbers up to %d, this spool had only given out %d; going on behind them", last, known);
		self.journal:skip_to(last);
	end
	self.settled = true;
	self:_well();
	self:_seek(math.min(last, known));
end

function drain:_seek(acknowledged)
	self.acknowledged, self.pending = acknowledged, nil;
	self.reader:seek(acknowledged + 1);
	self:kick();
end

function drain:_committed(payload, last, records)
	local committed = payload and payload.name == "committed" and tonumber(payload.attr.last);
	if not committed or committed < last then
		return self:_trouble("it answered without committing");
	end
	self.pending, self.acknowledged = nil, last;
	self.batches = self.batches + 1;
	self.limit = math.min(self.limit * 2, RECORDS);
	if records then self.lost = 0; end
	self:_well();
	self.journal:release(last);
	self:kick();
end

local function detail(stanza, name)
	local err = stanza and stanza:get_child("error");
	local child = err and err:get_child(name, NAMESPACE);
	return child and tonumber(child.attr.seq) and math.floor(tonumber(child.attr.seq));
end

function drain:_refused(condition, stanza, entries)
	local known, expected = detail(stanza, "known"), detail(stanza, "expected");
	if condition == "conflict" and known then
		return self:_conflict(known, entries);
	elseif condition == "unexpected-request" and expected and expected < entries[1].seq then
		self.log("warn", "The archive expects number %d; going back", expected);
		return self:_seek(expected - 1);
	elseif condition == "bad-request" then
		return self:_malformed(entries);
	end
	self:_trouble(condition);
end

-- The archive takes nothing of this batch. Half of it is tried, until it is the one record that the
-- archive cannot take; that is lost, and what waits behind it is not.
function drain:_malformed(entries)
	local first = entries[1];
	if #entries > 1 then
		self.limit = math.floor(#entries / 2);
		return self:_seek(first.seq - 1);
	elseif first.reason or self.lost >= MOST_LOST then
		return self:_trouble("bad-request");
	end
	local ok, err = self.journal:lose(first.seq);
	if not ok then return self:_trouble(err); end
	self.lost = self.lost + 1;
	self.log("error", "ALARM: the archive refuses the record %d of epoch %d as malformed; it is lost, and a hole says so",
		first.seq, self.journal.epoch);
	self:_seek(first.seq - 1);
end

-- The archive holds this number with other content. That stands; our record gets a new number.
function drain:_conflict(known, entries)
	self.conflicts = self.conflicts + 1;
	self.log("error", "ALARM: the archive has other content for number %d of epoch %d", known, self.journal.epoch);
	for i = 1, #entries do
		local entry = entries[i];
		if entry.seq <= known and known <= entry.last and not self.passed[entry.seq] then
			self.refused[entry.seq] = true;
			return self:_seek(entries[1].seq - 1);
		end
	end
	self:_trouble("conflict");
end

return { new = new };
