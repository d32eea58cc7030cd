-- The spool: records get their numbers here, are written before their message is delivered, and are
-- synced in groups. docs/protocol/capture.md has the format and what a crash after each step means.

local uv = require "luv";
local line = module:require "line";
local lost = module:require "lost";
local segments = module:require "segments";
local tallies = module:require "tally";

local seal = line.seal;
local PRIVATE_FILE, PRIVATE_FOLDER = 384, 448; -- 0600, 0700

local journal = {};
local journal_mt = { __index = journal };

-- Opens a file twice: unbuffered for appending, where each write is one write(2), and for syncing.
-- Returns the descriptor and the file, or nil and why not.
local function open_file(path)
	local fd, err = uv.fs_open(path, "a+", PRIVATE_FILE);
	if not fd then return nil, err; end
	local file;
	file, err = io.open(path, "a");
	if not file then
		uv.fs_close(fd);
		return nil, err;
	end
	file:setvbuf("no");
	return fd, file;
end

-- `options`: folder, boot (this boot's identity), reserve (numbers), segment_size (bytes), keep (seconds, which what
-- is acknowledged may stay), now (function: unix seconds), log (function: level, format, …).
--
-- `seq` is the last number given out, `synced` the last one that is on the disk, `confirmed` the last one up
-- to which everything is known as handed on, `settled` the last one of which that is on the disk.
local function new(options)
	return setmetatable({
		folder = options.folder, boot = options.boot, reserve = options.reserve,
		segment_size = options.segment_size, keep = options.keep,
		now = options.now, log = options.log, left = options.now(),
		list = {}, lost = {}, amendments = {},
		seq = 0, reserved = 0, synced = 0, confirmed = 0, settled = 0, durable = 0,
		missed = 0, carried = 0, -- messages that passed without a record: in this run, and in those before
	}, journal_mt);
end

-- Opens the spool, or makes it, and settles what the last run left. Returns true, or nil and why not.
function journal:open()
	local ok, err = uv.fs_mkdir(self.folder, PRIVATE_FOLDER);
	if not ok and not err:find("^EEXIST") then return self:_fail(err); end
	self.tally = self.tally or tallies.open(self.folder);
	self.list, err = segments.list(self.folder);
	if not self.list then
		self.list = {};
		return self:_fail(err);
	end
	ok, err = self:_open_last();
	if not ok then
		self:_close_files();
		return self:_fail(err);
	end
	self.healthy, self.problem = true, nil;
	self.lost = lost.load(self.folder, self.epoch, self.list[1].first);
	return ok;
end

function journal:_close_files()
	if not self.fd then return; end
	uv.fs_close(self.fd);
	self.file:close();
	self.fd, self.file = nil, nil;
end

function journal:_open_last()
	local last = table.remove(self.list);
	if not last then
		self.epoch = self.now();
		return self:_start_segment();
	end
	local fd, file = open_file(last.path);
	if not fd then return nil, file; end
	local state = segments.recover(last, fd);
	if not state then -- the crash came while this segment was being made
		uv.fs_close(fd);
		file:close();
		os.remove(last.path);
		return self:_open_last();
	end
	self.list[#self.list + 1] = last;
	self.fd, self.file, self.current, self.offset = fd, file, last, state.size;
	return self:_settle(state);
end

-- Cuts a torn end, declares what passed without a record, gives up reserved numbers of an earlier boot, and
-- decides about records whose message was perhaps not handed on. All of it is synced before anything else happens.
function journal:_settle(state)
	local ok, err = uv.fs_ftruncate(self.fd, state.size);
	if not ok then return nil, err; end
	self.durable = 0;
	self.epoch, self.seq, self.confirmed = state.epoch, state.last, state.confirmed;
	self.reserved = state.reserved or state.last;
	if state.damaged and state.damaged > 0 then
		self.log("error", "%d damaged lines in %s; their numbers are reported as lost", state.damaged, self.current.path);
	end
	local text = "";
	if self.seq > self.confirmed then
		text = seal(("u\t%d\t%d"):format(self.confirmed + 1, self.seq));
	end
	self.seq, text = self:_declare(state.last, text);
	if state.boot ~= self.boot and self.reserved > self.seq then
		text = text..seal(("h\t%d\t%d\tboot"):format(self.seq + 1, self.reserved));
		self.seq = self.reserved;
	end
	self.confirmed, self.recovered = self.seq, self.seq;
	ok, err = self:_write_synced(text..seal("c\t"..self.seq)..self:_reservation());
	if ok then self.behind, self.missed, self.carried = nil, 0, 0; end
	if ok and state.version ~= "2" then return self:_start_segment(); end -- a segment's lines are of one version
	return ok, err;
end

-- Returns the last number of the hole behind `last` for all messages that have passed without a record, in this
-- run or in one that was killed meanwhile, and `text` with the line of that hole.
function journal:_declare(last, text)
	self.behind = last;
	local missed = math.max(self.missed, self.tally and self.tally:read(self.epoch, last) or 0);
	self.carried = missed - self.missed;
	if missed == 0 then return last, text; end
	return last + missed, text..seal(("h\t%d\t%d\tlost"):format(last + 1, last + missed));
end

-- A message passes without a record. That is noted where a full disk still takes it, in case this process ends.
function journal:miss()
	self.missed = self.missed + 1;
	if self.tally and self.epoch then
		self.tally:write(self.epoch, self.behind or self.seq, self.carried + self.missed);
	end
end

function journal:_reservation()
	self.reserving = self.seq + self.reserve;
	return seal(("n\t%d\t%s"):format(self.reserving, self.boot));
end

-- Appends whole lines by one write(2). Returns true, or nil and why not; then nothing was appended.
function journal:_write(text)
	local ok, err = self.file:write(text);
	if ok then
		self.offset = self.offset + #text;
		return true;
	end
	uv.fs_ftruncate(self.fd, self.offset);
	return self:_fail(err);
end

function journal:_fail(err)
	if self.healthy ~= false then
		self.log("error", "The spool cannot be written: %s", err);
	end
	self.healthy, self.problem = false, err;
	return nil, err;
end

-- What a sync that begins now brings to the disk.
function journal:_reach()
	return { offset = self.offset, seq = self.seq, confirmed = self.confirmed, reserving = self.reserving };
end

-- A sync has ended; one that began later may have ended before it.
function journal:_reached(reach)
	self.durable = math.max(self.durable, reach.offset);
	self.synced = math.max(self.synced, reach.seq);
	self.settled = math.max(self.settled, reach.confirmed);
	self.reserved = math.max(self.reserved, reach.reserving);
end

-- Brings everything written to the disk while the server waits. Returns true, or nil and why not.
function journal:sync()
	local ok, err = uv.fs_fdatasync(self.fd);
	if not ok then return self:_fail(err); end
	self:_reached(self:_reach());
	return true;
end

function journal:_write_synced(text)
	local ok, err = self:_write(text);
	if not ok then return nil, err; end
	return self:sync();
end

-- Makes the next segment the current one. Records that wait in an earlier one are told by its first "c".
function journal:_start_segment()
	local first = self.seq + 1;
	local segment = { first = first, path = segments.path_of(self.folder, first) };
	local fd, file = open_file(segment.path);
	if not fd then return nil, file; end
	local old = { fd = self.fd, file = self.file, current = self.current, offset = self.offset, durable = self.durable };
	self.fd, self.file, self.current, self.offset, self.durable = fd, file, segment, 0, 0;
	local text = segments.header(self.epoch, first)..self:_reservation();
	if self.confirmed < self.seq then text = text..seal("c\t"..self.confirmed); end
	local ok, err = self:_write_synced(text);
	if ok then ok, err = segments.sync_folder(self.folder); end
	if not ok then
		self:_close_files();
		os.remove(segment.path);
		self.fd, self.file, self.current, self.offset, self.durable = old.fd, old.file, old.current, old.offset, old.durable;
		return nil, err;
	end
	if old.fd then
		uv.fs_close(old.fd);
		old.file:close();
	end
	self.list[#self.list + 1] = segment;
	return true;
end

-- Appends the line of the number behind `seq`, given without its check value. Returns that number, or nil and why
-- not.
function journal:append(text)
	if not self.healthy then return nil, self.problem; end
	if self.seq >= self.reserved then
		local ok, err = self:_write_synced(self:_reservation());
		if not ok then return nil, err; end
	end
	text = seal(text);
	local ok, err = self.file:write(text);
	if not ok then
		uv.fs_ftruncate(self.fd, self.offset);
		return self:_fail(err);
	end
	local seq = self.seq + 1;
	self.offset, self.seq = self.offset + #text, seq;
	return seq;
end

-- Makes a hole of the record `seq`, for ever. Returns true when that is on the disk, or nil and why not.
function journal:lose(seq)
	local numbers, oldest = { [seq] = true }, self.list[1].first;
	for number in pairs(self.lost) do
		if number >= oldest then numbers[number] = true; end
	end
	local ok, err = lost.save(self.folder, self.epoch, numbers);
	if not ok then return nil, err; end
	self.lost = numbers;
	return true;
end

-- Adds the stanza-id of a record, which became known after it was written.
function journal:amend(seq, stanza_id)
	local list = self.amendments;
	list[#list + 1] = seq.."\t"..stanza_id;
end

-- Whether there is something to confirm or to sync.
function journal:is_dirty()
	return self.seq > self.confirmed or #self.amendments > 0 or self.offset > self.durable;
end

-- Confirms what was captured before the number `waiting` (nil: everything) as handed on. It must be called
-- from the main loop, where no other delivery is under way.
function journal:confirm(waiting)
	if not self.healthy then return; end
	local text, confirmed = "", waiting and waiting - 1 or self.seq;
	if #self.amendments > 0 then
		text = seal("a\t"..table.concat(self.amendments, "\t"));
		self.amendments = {};
	end
	if confirmed > self.confirmed then text = text..seal("c\t"..confirmed); end
	if self.reserving - self.seq < self.reserve / 2 then text = text..self:_reservation(); end
	if text ~= "" and not self:_write(text) then return; end
	self.confirmed = math.max(self.confirmed, confirmed);
end

-- Syncs in the background what is written; `syncing` is nil again when that has ended. Returns whether it began.
function journal:start_sync()
	if self.syncing or not self.healthy then return false; end
	local reach = self:_reach();
	self.syncing = uv.fs_fdatasync(self.fd, function (err)
		self.syncing = nil;
		if err then return self:_fail(err); end
		self:_reached(reach);
	end);
	return true;
end

-- Waits until the sync that is under way, if any, has ended.
function journal:finish_sync()
	while self.syncing do uv.run("once"); end
end

-- Goes on in a new segment if the current one has `size` bytes; while a sync is under way, it cannot.
function journal:rotate(size)
	if self.syncing or not self.healthy or self.offset < (size or self.segment_size) then return; end
	if not self:sync() then return; end
	local ok, err = self:_start_segment();
	if not ok then self:_fail(err); end
end

-- Leaves the current segment, if it has something that is acknowledged, at most every `keep` seconds: what the
-- archive has does not stay here. Returns the seconds after which to try again, or nil if there is no need.
function journal:_leave(acknowledged)
	if not self.healthy or acknowledged < self.current.first then return nil; end
	local wait = self.left + self.keep - self.now();
	if wait > 0 then return math.min(wait, self.keep); end -- the clock may have been put back
	local current = self.current;
	self:rotate(1);
	if self.current == current then return 1; end
	self.left = self.now();
end

-- Deletes the segments that hold nothing behind `acknowledged`. Returns what `_leave` does.
function journal:release(acknowledged)
	local wait = self:_leave(acknowledged);
	while self.list[2] and self.list[2].first <= acknowledged + 1 do
		os.remove(table.remove(self.list, 1).path);
	end
	return wait;
end

-- Writes anew what was not yet synced: after a failed sync, the kernel may take it for written.
function journal:_write_again()
	if self.offset == self.durable then return true; end
	local fd, err = uv.fs_open(self.current.path, "r+", 0);
	if not fd then return nil, err; end
	local text, ok;
	text, err = uv.fs_read(fd, self.offset - self.durable, self.durable);
	if text then ok, err = uv.fs_write(fd, text, self.durable); end
	uv.fs_close(fd);
	return ok, err;
end

-- Returns the lines that settle what was captured before a failure: all of it has been handed on, or, where
-- messages were refused that have a record (`doubtful`), that is not sure.
function journal:_settlement()
	local text = "";
	if #self.amendments > 0 then text = seal("a\t"..table.concat(self.amendments, "\t")); end
	if self.seq > self.confirmed then
		local first = self.confirmed + 1;
		text = text..seal(self.doubtful and ("u\t%d\t%d"):format(first, self.seq) or "c\t"..self.seq);
	end
	return text;
end

-- Tries to write again after a failure. Messages that passed without a record meanwhile (`missed`) leave a hole
-- of as many numbers. Returns true when the spool is healthy.
function journal:recover()
	if self.healthy then return true; end
	if self.tally then self.tally:sync(); end
	if not self.fd and not self:open() then return false; end
	self:finish_sync();
	if not uv.fs_ftruncate(self.fd, self.offset) or not self:_write_again() then return false; end
	local before, last, text = self.seq, self.seq + self.missed, self:_settlement();
	if self.missed > 0 then
		text = text..seal(("h\t%d\t%d\tlost"):format(self.seq + 1, last));
	end
	self.seq = last;
	if not self:_write_synced(text..seal("c\t"..last)..self:_reservation()) then
		self.seq = before;
		return false;
	end
	self.confirmed, self.settled, self.amendments = last, last, {};
	self.missed, self.doubtful, self.healthy, self.problem = 0, nil, true, nil;
	self.log("info", "The spool can be written again");
	return true;
end

-- Goes on behind `seq`, because the archive has numbers up to it that this spool does not know.
function journal:skip_to(seq)
	if seq > self.seq and self.healthy then
		self.seq = seq;
		self:_write_synced(self:_reservation());
	end
end

-- Confirms and syncs everything, deletes what is acknowledged, and gives the unused reserved numbers back.
function journal:close(acknowledged)
	if not self.fd then return; end
	self:finish_sync();
	self:confirm();
	self.left = -self.keep;
	self:release(acknowledged or 0);
	self.reserving = self.seq;
	self:_write_synced(seal(("n\t%d\t%s"):format(self.seq, self.boot)));
end

return { new = new };
