-- Wakes the server when the disk has done what it was asked for. libuv has one descriptor that is readable
-- then; where the server's own loop cannot watch it, a timer looks every few milliseconds.

local uv = require "luv";
local server = require "net.server";

local POLL_INTERVAL = 0.005; -- seconds

local wakeup = {};
local wakeup_mt = { __index = wakeup };

-- libuv adds what it waits for to its descriptor only when it runs with something under way.
local function watch(collect)
	uv.fs_stat("/", function () end);
	uv.run("nowait");
	local fd = uv.backend_fd();
	return server.watchfd and fd and pcall(server.watchfd, fd, collect) or false;
end

-- It must be made in the main thread, where libuv's callbacks run.
local function new()
	local self = setmetatable({ expected = {} }, wakeup_mt);
	self.watched = watch(function () self:_collect(); end);
	return self;
end

-- Collects what has ended. Returns whether something is still under way.
function wakeup:_collect()
	uv.run("nowait");
	local expected = self.expected;
	self.expected = {};
	for i = 1, #expected do
		local channel = expected[i];
		if channel.journal.syncing then
			self:expect(channel);
		else
			channel:collect();
		end
	end
	return #self.expected > 0;
end

-- Calls `channel:collect()` as soon as its sync, which has begun, has ended.
function wakeup:expect(channel)
	self.expected[#self.expected + 1] = channel;
	if not self.watched and not self.polling then
		self.polling = module:add_timer(POLL_INTERVAL, function ()
			if self:_collect() then return POLL_INTERVAL; end
			self.polling = nil;
		end);
	end
end

return { new = new };
