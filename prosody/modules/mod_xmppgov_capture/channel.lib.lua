-- One archive's way from a message to its record there: a spool, the groups in which it is synced, the messages
-- that wait for that, and what sends it.

local async = require "util.async";
local time_now = require "util.time".monotonic;
local batch = module:require "batch";
local drains, journals, recents = module:require "drain", module:require "journal", module:require "recent";
local wakeups = module:require "wakeup";

local PLAIN = batch.ENDS.plain;
local RECOVER_INTERVAL = 1; -- seconds

local channel = {};
local channel_mt = { __index = channel };

-- `options`: archive (its address), sync_interval and heartbeat (seconds), wakeup (of the library `wakeup`), log, and
-- what a journal asks for.
local function new(options)
	local self = setmetatable({
		archive = options.archive, sync_interval = options.sync_interval, heartbeat = options.heartbeat,
		wakeup = options.wakeup, log = options.log,
		journal = journals.new(options), recent = recents.new(),
		waiting = {}, written = 0, missed = 0,
	}, channel_mt);
	function self.tick() self:_tick(); end
	return self;
end

-- Opens the spool. What it holds then is read from it when it is sent.
function channel:open()
	self.journal:open();
	self.recent:clear(self.journal.seq + 1);
	self:_look();
end

-- From now on `api`, the module API of the host `server`, sends the spool.
function channel:attach(api, server)
	self.drain = drains.new {
		journal = self.journal, recent = self.recent, server = server, archive = self.archive, api = api, log = self.log,
		on_append = function () self:_appended(); end,
	};
	self.drain:live(self.heartbeat);
end

function channel:kick()
	if self.drain then self.drain:kick(); end
end

-- The archive has a new connection.
function channel:connected()
	if self.drain then self.drain:connected(); end
end

-- The server stops. What waits for the disk is handed on before, or refused; whatever is left would be confirmed
-- without having been delivered.
function channel:close()
	while self.waiting[1] do
		self:_start_sync();
		self.journal:finish_sync();
		self:_wake();
	end
	self.journal:close(self.drain and self.drain.acknowledged);
end

--- Records ---

function channel:_appended()
	if not self.ticking then
		self.ticking = module:add_timer(self.sync_interval, self.tick);
	end
end

-- Writes an item, of which `ending` is the end. Returns its number, or nil and why there is none.
function channel:append(item, ending)
	local seq, err = self.journal:append(item);
	if not seq then return nil, self:_failed(err); end
	self.recent:add(item, ending);
	self.written = self.written + 1;
	if not self.ticking then self:_appended(); end
	return seq;
end

-- Writes that there was one message, in `room` (or ""). Returns its number, or nil and why there is none.
function channel:count(room)
	return self:append(batch.counted(self.journal.seq + 1, room), PLAIN);
end

-- Adds the stanza-id of a record, which became known after it was written.
function channel:amend(seq, sid)
	self.journal:amend(seq, sid);
	self.recent:amend(seq, sid);
end

-- A message goes on without the record that it should have: its number will be in a hole.
function channel:miss(err)
	self.journal:miss();
	self.missed = self.missed + 1;
	self.log("warn", "A message passed without a record: %s", err);
end

--- Waiting for the disk ---

-- Waits until the record of the number `seq` is on the disk: in a session's own thread others go on meanwhile,
-- elsewhere the server waits. Returns true, or nil and why not; then the message must not go on.
function channel:wait(seq)
	local journal = self.journal;
	if journal.synced >= seq then return true; end
	local ok, err;
	if async.ready() then
		ok, err = self:_sleep(seq);
	else
		ok, err = journal:sync();
	end
	if ok then return true; end
	journal.doubtful = true;
	return nil, self:_failed(err);
end

function channel:_sleep(seq)
	local wait, done = async.waiter();
	local sleeper = { seq = seq, done = done };
	self.waiting[#self.waiting + 1] = sleeper;
	self:_start_sync();
	wait();
	return sleeper.ok, self.journal.problem;
end

-- A sync that begins now reaches all that wait now; who comes meanwhile shares the next one.
function channel:_start_sync()
	if self.journal:start_sync() then
		self.began = time_now();
		self.wakeup:expect(self);
	end
end

-- Wakes in their order those whose record is on the disk, or all of them if it cannot get there.
function channel:_wake()
	local journal, sleepers, still = self.journal, self.waiting, {};
	self.waiting = still;
	for i = 1, #sleepers do
		local sleeper = sleepers[i];
		sleeper.ok = sleeper.seq <= journal.synced;
		if not sleeper.ok and journal.healthy then still[#still + 1] = sleeper; sleepers[i] = false; end
	end
	for i = 1, #sleepers do
		local ok, err = true, nil;
		if sleepers[i] then ok, err = pcall(sleepers[i].done); end
		if not ok then self.log("error", "A message that waited for the disk: %s", err); end
	end
end

--- The disk ---

-- Confirms what has been handed on, and has it synced.
function channel:_tick()
	self.ticking = nil;
	local first = self.waiting[1];
	if self.journal:is_dirty() then
		self.journal:confirm(first and first.seq);
		self.recent:fold(self.journal.confirmed);
		self:_start_sync();
	end
	self:_look();
end

-- Called by `wakeup` when a sync has ended.
function channel:collect()
	local journal = self.journal;
	self.took = time_now() - self.began;
	journal:rotate();
	self:_wake();
	self:_look();
	self:kick();
	if #self.waiting > 0 then self:_start_sync(); end
	if journal.healthy and journal:is_dirty() then self:_appended(); end
end

function channel:_failed(err)
	self:_look();
	return err;
end

-- Tries to recover from a failure until it works.
function channel:_look()
	if self.journal.healthy or self.recovering then return; end
	if self.on_health then self.on_health(); end
	self.recovering = module:add_timer(RECOVER_INTERVAL, function ()
		if not self.journal:recover() then return RECOVER_INTERVAL; end
		self.recovering = nil;
		self.recent:clear(self.journal.seq + 1);
		if self.on_health then self.on_health(); end
		self:_appended();
		self:kick();
	end);
end

--- What an operator sees ---

-- Returns the state of this channel; times are in seconds.
function channel:status()
	local journal, drain = self.journal, self.drain;
	local sent = drain and drain.acknowledged or 0;
	local oldest, lost = drain and drain:oldest(), 0;
	for _ in pairs(journal.lost) do lost = lost + 1; end
	return {
		archive = self.archive, healthy = journal.healthy == true, problem = journal.problem, epoch = journal.epoch,
		last = journal.seq, acknowledged = sent, depth = math.max(0, journal.seq - sent),
		age = oldest and math.max(0, os.time() - oldest // 1000) or 0,
		trouble = drain and drain.trouble, batches = drain and drain.batches or 0, conflicts = drain and drain.conflicts or 0,
		records = self.written, missed = self.missed, lost = lost, sync = self.took or 0,
	};
end

--- All of them ---

local function boot_id(file_name)
	local file = io.open(file_name);
	local id = file and file:read("l");
	if file then file:close(); end
	-- Without an identity every start counts as a new boot: a hole too many, never a number twice.
	return id and id:match("^[%w-]+$") or require "util.uuid".generate();
end

-- Opens a channel for each archive that the settings name, and returns them by its address. The spool of the
-- one for everything is the configured folder, the others' lie below it.
local function open_all(settings)
	local by_archive, wakeup, boot = {}, wakeups.new(), boot_id(settings.boot_id);
	local main = settings.policy.archive["*"];
	local function open(archive)
		if by_archive[archive] then return; end
		local folder = archive == main and settings.spool or settings.spool.."/"..archive;
		by_archive[archive] = new(setmetatable({
			archive = archive, folder = folder, boot = boot, now = os.time, wakeup = wakeup,
			log = function (...) module:log(...); end,
		}, { __index = settings }));
		by_archive[archive]:open();
	end
	open(main);
	for _, archive in pairs(settings.policy.archive) do open(archive); end
	return by_archive;
end

return {
	new = new;
	open_all = open_all;
};
