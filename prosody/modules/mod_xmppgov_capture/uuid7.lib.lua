-- UUID version 7 (RFC 9562 §5.7) from random bytes drawn in bulk.

local random_bytes = require "util.random".bytes;
local to_hex = require "util.hex".to or require "util.hex".encode;

local BULK = 3200; -- bytes drawn at once
local DIGITS = 19; -- random hexadecimal digits of one UUID
local VARIANT = {};
for i = 0, 15 do
	VARIANT[("%x"):format(i)] = ("89ab"):sub(i % 4 + 1, i % 4 + 1);
end

local pool, position = "", 1;
local prefix, prefix_time = nil, nil;

-- Returns a new UUID for a time in milliseconds since 1970 (an integer).
local function generate(milliseconds)
	if position + DIGITS - 1 > #pool then
		pool, position = to_hex(random_bytes(BULK)), 1;
	end
	if milliseconds ~= prefix_time then
		local digits = ("%012x"):format(milliseconds);
		prefix, prefix_time = digits:sub(1, 8).."-"..digits:sub(9).."-7", milliseconds;
	end
	local r = pool:sub(position, position + DIGITS - 1);
	position = position + DIGITS;
	return prefix..r:sub(1, 3).."-"..VARIANT[r:sub(4, 4)]..r:sub(5, 7).."-"..r:sub(8);
end

return { generate = generate };
