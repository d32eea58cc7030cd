-- The numbers whose record the archive refused as malformed: each is a hole ever after, so that no two
-- sendings differ. One small file beside the segments, replaced as a whole and synced.

local uv = require "luv";
local line = module:require "line";
local segments = module:require "segments";

local NAME, PRIVATE_FILE = "/lost", 384; -- 0600

local function parse(text, epoch, oldest)
	local numbers = {};
	text = line.unseal(text:match("^[^\n]*"));
	local of, list = (text or ""):match("^xmppgov%-lost\t1\t(%d+)\t([%d ]*)$");
	if not of or math.floor(tonumber(of)) ~= epoch then return numbers; end
	for number in list:gmatch("%d+") do
		number = math.floor(tonumber(number));
		if number >= oldest then numbers[number] = true; end
	end
	return numbers;
end

-- Returns the set of lost numbers of a folder's spool that are not before `oldest`.
local function load(folder, epoch, oldest)
	local file = io.open(folder..NAME);
	if not file then return {}; end
	local text = file:read("a");
	file:close();
	return parse(text or "", epoch, oldest);
end

local function write(path, text)
	local fd, err = uv.fs_open(path, "w", PRIVATE_FILE);
	if not fd then return nil, err; end
	local ok;
	ok, err = uv.fs_write(fd, text, 0);
	if ok then ok, err = uv.fs_fsync(fd); end
	uv.fs_close(fd);
	return ok, err;
end

-- Keeps a set of lost numbers. Returns true when it is on the disk, or nil and why not.
local function save(folder, epoch, numbers)
	local list = {};
	for number in pairs(numbers) do list[#list + 1] = number; end
	table.sort(list);
	for i = 1, #list do list[i] = ("%d"):format(list[i]); end
	local text = line.seal(("xmppgov-lost\t1\t%d\t%s"):format(epoch, table.concat(list, " ")));
	local ok, err = write(folder..NAME..".new", text);
	if ok then ok, err = uv.fs_rename(folder..NAME..".new", folder..NAME); end
	if ok then ok, err = segments.sync_folder(folder); end
	return ok and true, err;
end

return {
	load = load;
	save = save;
};
