-- The files of a spool: one folder, segments named after the first number that each may hold.

local uv = require "luv";
local line = module:require "line";
local number_of = module:require "batch".number_of;

local NAME = "^(%d+)%.spool$";
local HEADER = "^xmppgov%-spool\t([12])\t(%d+)\t(%d+)$";
local CHUNK = 65536;

-- Returns the path of the segment whose first number is `first`.
local function path_of(folder, first)
	return ("%s/%020d.spool"):format(folder, first);
end

-- Returns the segments of a folder, oldest first, as { first =, path = }.
local function list(folder)
	local found = {};
	local scan, err = uv.fs_scandir(folder);
	if not scan then return nil, err; end
	for name in uv.fs_scandir_next, scan do
		local first = name:match(NAME);
		if first then
			found[#found + 1] = { first = math.floor(tonumber(first)), path = folder.."/"..name };
		end
	end
	table.sort(found, function (a, b) return a.first < b.first; end);
	return found;
end

-- Makes what was written to a folder (new and removed names) survive a power loss.
local function sync_folder(folder)
	local fd, err = uv.fs_open(folder, "r", 0);
	if not fd then return nil, err; end
	local ok, sync_err = uv.fs_fsync(fd);
	uv.fs_close(fd);
	return ok, sync_err;
end

-- Returns the first line of a new segment.
local function header(epoch, first)
	return line.seal(("xmppgov-spool\t2\t%d\t%d"):format(epoch, first));
end

-- Calls `visit(text, start, stop)` for each line of an open file from `offset` up to `limit` bytes;
-- `text` is nil for a line whose check value is wrong. Stops when `visit` returns true. Returns the
-- offset behind the last line visited.
local function each_line(fd, offset, limit, visit)
	local rest = "";
	while true do
		local position = offset + #rest;
		local wanted = limit and math.min(CHUNK, limit - position) or CHUNK;
		local data = wanted > 0 and uv.fs_read(fd, wanted, position) or "";
		if data == "" then return offset, rest; end
		local buffer, start = rest..data, 1;
		while true do
			local stop = buffer:find("\n", start, true);
			if not stop then break; end
			local from = offset;
			offset = offset + stop - start + 1;
			if visit(line.unseal(buffer:sub(start, stop - 1)), from, offset) then
				return offset, "";
			end
			start = stop + 1;
		end
		rest = buffer:sub(start);
	end
end

-- Returns the epoch that a header names, and the version of the lines behind it.
local function read_header(text)
	local version, epoch = (text or ""):match(HEADER);
	return epoch and math.floor(tonumber(epoch)), version;
end

-- What a line says of a segment's state, by its tag and its first two fields.
local STATES = {
	r = function (state, seq) state.last = math.floor(tonumber(seq)); end;
	h = function (state, _, last) state.last = math.floor(tonumber(last)); end;
	c = function (state, last) state.confirmed = math.floor(tonumber(last)); end;
	u = function (state, _, last) state.confirmed = math.floor(tonumber(last)); end;
	n = function (state, upto, boot) state.reserved, state.boot = math.floor(tonumber(upto)), boot; end;
};

-- Reads a segment that may be torn at its end. Returns { epoch =, version =, size =, last =, confirmed =,
-- reserved =, boot = }, where `size` is the offset behind the last whole line that has no damaged one
-- after the last sync, or nil if not even its header is whole.
local function recover(segment, fd)
	local state = { size = 0, last = segment.first - 1, confirmed = segment.first - 1 };
	local damaged = 0;
	each_line(fd, 0, nil, function (text, start, stop)
		if start == 0 then state.epoch, state.version = read_header(text); end
		if not text then
			damaged = damaged + 1;
			return;
		end
		local _, seq = number_of(text);
		local tag, a, b = text:match("^(%l)\t([^\t]*)\t?([^\t]*)");
		if seq then state.last = seq; elseif STATES[tag] then STATES[tag](state, a, b); end
		state.size, state.damaged = stop, damaged;
	end);
	return state.epoch and state or nil;
end

return {
	path_of = path_of;
	list = list;
	sync_folder = sync_folder;
	header = header;
	each_line = each_line;
	recover = recover;
};
