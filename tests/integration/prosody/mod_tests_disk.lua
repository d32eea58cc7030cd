-- A disk that can be told to wait or to fail, by the files `hold` and `fail` in a folder; each sync adds a byte
-- to the file `syncs` there.

module:set_global();

local uv = require "luv";
local folder = module:get_option_string("tests_disk");
local sync = uv.fs_fdatasync;

local function is_there(name)
	local file = io.open(folder.."/"..name);
	return file and file:close();
end

local function count()
	local file = io.open(folder.."/syncs", "a");
	file:write("."):close();
end

function uv.fs_fdatasync(fd, done)
	count();
	if is_there("fail") then
		return done and sync(fd, function () done("EIO: i/o error"); end) or nil, "EIO: i/o error";
	elseif not done or not is_there("hold") then
		return sync(fd, done);
	end
	module:add_timer(0.01, function ()
		if is_there("hold") then return 0.01; end
		sync(fd, done);
	end);
	return true;
end
