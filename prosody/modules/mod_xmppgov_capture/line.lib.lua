-- One line of the spool: its text, then a check value (docs/protocol/capture.md).

local md5 = require "util.hashes".md5;
local sub = string.sub;

local CHECK = 8; -- hexadecimal digits; enough to tell a torn or damaged line from a whole one

-- Returns `text` as a whole line of the spool.
local function seal(text)
	return text.."\t"..sub(md5(text, true), 1, CHECK).."\n";
end

-- Returns the text of a line (given without its newline), or nil if it is torn or damaged.
local function unseal(line)
	local text = line:sub(1, -CHECK - 2);
	if line:sub(-CHECK - 1) == "\t"..md5(text, true):sub(1, CHECK) then
		return text;
	end
end

return {
	seal = seal;
	unseal = unseal;
};
