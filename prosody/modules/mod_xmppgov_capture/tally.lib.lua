-- How many messages have passed without a record, and behind which number: one small file beside the segments.
-- It has its place on the disk from the start and is overwritten where it lies, so that a full disk takes it.

local uv = require "luv";
local line = module:require "line";

local NAME, PRIVATE_FILE = "/missed", 384; -- 0600
local FORM = "xmppgov-missed\t1\t%010d\t%016d\t%016d";
local PATTERN = "^xmppgov%-missed\t1\t(%d+)\t(%d+)\t(%d+)$";
local LENGTH = 100; -- more than a line has

local tally = {};
local tally_mt = { __index = tally };

-- Returns the tally of a folder, which is made if there is none, or nil and why not.
local function open(folder)
	local fd = uv.fs_open(folder..NAME, "r+", PRIVATE_FILE);
	if fd then return setmetatable({ fd = fd }, tally_mt); end
	local err;
	fd, err = uv.fs_open(folder..NAME, "w+", PRIVATE_FILE);
	if not fd then return nil, err; end
	local new = setmetatable({ fd = fd }, tally_mt);
	local ok, why = new:write(0, 0, 0);
	if ok then ok, why = new:sync(); end
	return ok and new, why;
end

-- Notes that behind the number `last` of an epoch `count` messages have passed. Returns true, or nil and why not.
function tally:write(epoch, last, count)
	local ok, err = uv.fs_write(self.fd, line.seal(FORM:format(epoch, last, count)), 0);
	return ok and true, err;
end

-- Returns how many messages have passed behind the number `last` of an epoch.
function tally:read(epoch, last)
	local text = line.unseal((uv.fs_read(self.fd, LENGTH, 0) or ""):match("^[^\n]*"));
	local of, behind, count = (text or ""):match(PATTERN);
	if not of or math.tointeger(of) ~= epoch or math.tointeger(behind) ~= last then return 0; end
	return math.tointeger(count);
end

function tally:sync()
	return uv.fs_fdatasync(self.fd);
end

return { open = open };
