-- The spool: records get their numbers here, are written before their message is delivered, and are
-- synced in groups. docs/protocol/capture.md has the format and what a crash after each step means.

local uv = require "luv";
local line = module:require "line";
local lost = module:require "lost";
local segments = module:require "segments";

local seal, is_record = line.seal, line.is_record;
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

-- `options`: folder, boot (this boot's identity), reserve (numbers), segment_size and idle_size
-- (bytes), now (function: unix seconds), log (function: level, format, …).
local function new(options)
	return setmetatable({
		folder = options.folder, boot = options.boot, reserve = options.reserve,
		segment_size = options.segment_size, idle_size = options.idle_size,
		now = options.now, log = options.log,
		list = {}, lost = {}, seq = 0, reserved = 0, confirmed = 0, missed = 0, amendments = {},
	}, journal_mt);
end

-- Opens the spool, or makes it, and settles what the last run left. Returns true, or nil and why not.
function journal:open()
	local ok, err = uv.fs_mkdir(self.folder, PRIVATE_FOLDER);
	if not ok and not err:find("^EEXIST") then return nil, err; end
	self.list, err = segments.list(self.folder);
	if not self.list then
		self.list = {};
		return nil, err;
	end
	ok, err = self:_open_last();
	self.healthy, self.problem = ok, err;
	if not ok then
		self:_close_files();
		return ok, err;
	end
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

-- Cuts a torn end, gives up reserved numbers of an earlier boot, and decides about records whose
-- message was perhaps not handed on. All of it is synced before anything else happens.
function journal:_settle(state)
	local ok, err = uv.fs_ftruncate(self.fd, state.size);
	if not ok then return nil, err; end
	self.epoch, self.seq, self.confirmed = state.epoch, state.last, state.confirmed;
	self.reserved = state.reserved or state.last;
	if state.damaged and state.damaged > 0 then
		self.log("error", "%d damaged lines in %s; their numbers are reported as lost", state.damaged, self.current.path);
	end
	local text = "";
	if self.seq > self.confirmed then
		text = seal(("u\t%d\t%d"):format(self.confirmed + 1, self.seq));
	end
	if state.boot ~= self.boot and self.reserved > self.seq then
		text = text..seal(("h\t%d\t%d\tboot"):format(self.seq + 1, self.reserved));
		self.seq = self.reserved;
	end
	self.confirmed, self.recovered = self.seq, self.seq;
	return self:_write_synced(text..seal("c\t"..self.seq)..self:_reservation());
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
	if self.healthy then
		self.log("error", "The spool cannot be written: %s", err);
	end
	self.healthy, self.problem = false, err;
	return nil, err;
end

function journal:_write_synced(text)
	self:_finish_sync();
	local ok, err = self:_write(text);
	if not ok then return nil, err; end
	ok, err = uv.fs_fdatasync(self.fd);
	if not ok then return self:_fail(err); end
	self.reserved = self.reserving;
	self.durable = self.offset;
	return true;
end

function journal:_start_segment()
	local first = self.seq + 1;
	local segment = { first = first, path = segments.path_of(self.folder, first) };
	local fd, file = open_file(segment.path);
	if not fd then return nil, file; end
	local old = { fd = self.fd, file = self.file, current = self.current, offset = self.offset };
	self.fd, self.file, self.current, self.offset = fd, file, segment, 0;
	local ok, err = self:_write_synced(segments.header(self.epoch, first)..self:_reservation());
	if ok then ok, err = segments.sync_folder(self.folder); end
	if not ok then
		self:_close_files();
		os.remove(segment.path);
		self.fd, self.file, self.current, self.offset = old.fd, old.file, old.current, old.offset;
		return nil, err;
	end
	if old.fd then
		uv.fs_close(old.fd);
		old.file:close();
	end
	self.list[#self.list + 1] = segment;
	return true;
end

-- Returns the number of the record to come, or nil and why there can be none.
function journal:next_seq()
	if not self.healthy then return nil, self.problem; end
	local seq = self.seq + 1;
	if seq > self.reserved then
		local ok, err = self:_write_synced(self:_reservation());
		if not ok then return nil, err; end
	end
	return seq;
end

-- Appends the record `seq` as `text`, its line without the check value. Returns its number, or nil and
-- why not. Whoever made the fields: a line that is not one whole record is not written.
function journal:append(seq, text)
	if not is_record(text) then return nil, "a field has a tab or another control character"; end
	local ok, err = self:_write(seal(text));
	if not ok then return nil, err; end
	self.seq = seq;
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
	if stanza_id:find("%c") then return; end
	list[#list + 1] = seq.."\t"..stanza_id;
end

-- Whether there is something that a later `tick` has to write or sync.
function journal:is_dirty()
	return self.seq > self.confirmed or #self.amendments > 0 or self.syncing ~= nil;
end

-- Confirms everything captured so far as handed on, and starts to sync it in the background. It must
-- be called from the main loop, where no delivery is under way.
function journal:tick()
	if not self.healthy or self.syncing or not self:is_dirty() then return; end
	local text = "";
	if #self.amendments > 0 then
		text = seal("a\t"..table.concat(self.amendments, "\t"));
		self.amendments = {};
	end
	text = text..seal("c\t"..self.seq);
	local seq, reserving = self.seq, nil;
	if self.reserved - seq < self.reserve / 2 then
		text = text..self:_reservation();
		reserving = self.reserving;
	end
	if not self:_write(text) then return; end
	self.confirmed = seq;
	if self.offset >= self.segment_size then
		return self:_rotate();
	end
	self:_start_sync(reserving);
end

function journal:_start_sync(reserving)
	local offset = self.offset;
	self.syncing = uv.fs_fdatasync(self.fd, function (err)
		self.syncing = nil;
		if err then return self:_fail(err); end
		self.durable = offset;
		if reserving then self.reserved = math.max(self.reserved, reserving); end
	end);
end

-- Collects a sync that has ended. Returns true if there is none under way.
function journal:poll()
	if self.syncing then uv.run("nowait"); end
	return self.syncing == nil;
end

function journal:_finish_sync()
	while self.syncing do uv.run("once"); end
end

function journal:_rotate()
	local ok, err = uv.fs_fdatasync(self.fd);
	if ok then
		self.durable = self.offset;
		ok, err = self:_start_segment();
	end
	if not ok then self:_fail(err); end
end

-- Deletes the segments that hold nothing behind `acknowledged`; a large current one is closed first.
function journal:release(acknowledged)
	local idle = acknowledged >= self.seq and not self:is_dirty();
	if idle and self.healthy and self.offset >= self.idle_size then
		self:_rotate();
	end
	while self.list[2] and self.list[2].first <= acknowledged + 1 do
		os.remove(table.remove(self.list, 1).path);
	end
end

-- Tries to write again after a failure. Messages that passed without a record meanwhile (`missed`)
-- leave a hole of as many numbers. Returns true when the spool is healthy.
function journal:recover()
	if self.healthy then return true; end
	if not self.fd and not self:open() then return false; end
	self:_finish_sync();
	if not uv.fs_ftruncate(self.fd, self.offset) then return false; end
	local last, text = self.seq + self.missed, "";
	if self.missed > 0 then
		text = seal(("h\t%d\t%d\tlost"):format(self.seq + 1, last));
	end
	local before = self.seq;
	self.seq = last;
	if not self:_write_synced(text..self:_reservation()) then
		self.seq = before;
		return false;
	end
	self.missed, self.healthy, self.problem = 0, true, nil;
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

-- Confirms and syncs everything, and gives the unused reserved numbers back.
function journal:close()
	if not self.fd then return; end
	self:_finish_sync();
	self:tick();
	self:_finish_sync();
	self.reserving = self.seq;
	self:_write_synced(seal(("n\t%d\t%s"):format(self.seq, self.boot)));
end

return { new = new };
