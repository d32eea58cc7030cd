-- A disk that can be told to wait, to fail or to be full, by the files `hold`, `fail` and `full` in a folder; each
-- sync adds a byte to the file `syncs` there. Only the spool's whole lines find the disk full. What waits does so in
-- a thread of libuv's, as for a slow disk, until somebody opens the pipe `gate` for writing. How long somebody wants
-- to wait for a timer is a line of the file `timers`.

module:set_global();

local uv = require "luv";
local folder = module:get_option_string("tests_disk");
local sync = uv.fs_fdatasync;
local files = getmetatable(io.stdout).__index;
local write = files.write;

local timer = require "util.timer";
local add_task = timer.add_task;

function timer.add_task(delay, ...)
	io.open(folder.."/timers", "a"):write(("%.6g\n"):format(delay)):close();
	return add_task(delay, ...);
end

local function is_there(name)
	local file = io.open(folder.."/"..name);
	return file and file:close();
end

local function count()
	local file = io.open(folder.."/syncs", "a");
	file:write("."):close();
end

function files.write(file, text, ...)
	if type(text) == "string" and text:find("\t%x%x%x%x%x%x%x%x\n$") and is_there("full") then
		return nil, "No space left on device", 28;
	end
	return write(file, text, ...);
end

-- Syncs and notes how much of the file is on the disk then, for a test that cuts the power.
local function sync_and_note(fd, done)
	local stat = uv.fs_fstat(fd);
	local function note(err)
		if not err then
			local path = folder.."/durable-"..stat.ino;
			io.open(path..".new", "w"):write(stat.size):close();
			os.rename(path..".new", path);
		end
		if done then done(err); end
	end
	if done then return sync(fd, note); end
	local ok, err = sync(fd);
	note(err);
	return ok, err;
end

function uv.fs_fdatasync(fd, done)
	count();
	if is_there("fail") then
		return done and sync(fd, function () done("EIO: i/o error"); end) or nil, "EIO: i/o error";
	elseif not done or not is_there("hold") then
		return sync_and_note(fd, done);
	end
	return uv.fs_open(folder.."/gate", "r", 0, function (_, gate)
		uv.fs_close(gate);
		sync_and_note(fd, done);
	end);
end
