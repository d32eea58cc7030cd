-- UUID version 7 (RFC 9562 §5.7). Those of one millisecond share their random part and differ in a counter
-- (§6.2, method 1), since random digits for each cost more than the rest of a record.

local random_bytes = require "util.random".bytes;
local unpack = string.unpack;

local COUNTER = {}; -- its three digits
for i = 0, 4095 do COUNTER[i] = ("%03x"):format(i); end

local BULK = 256; -- random parts drawn at once
local BYTES = 8; -- of each

local pool, position = "", 1;
local time, count = nil, 0;
local head, tail = nil, nil;

local function start(milliseconds)
	if position > #pool then pool, position = random_bytes(BULK * BYTES), 1; end
	local first, rest;
	first, rest, position = unpack(">I2I6", pool, position);
	head = ("%08x-%04x-7"):format(milliseconds >> 16, milliseconds & 0xffff);
	tail = ("-%04x-%012x"):format(first & 0x3fff | 0x8000, rest);
	time, count = milliseconds, 0;
end

-- Returns a new UUID for a time in milliseconds since 1970 (an integer).
local function generate(milliseconds)
	if milliseconds ~= time or count > 4095 then start(milliseconds); end
	local number = COUNTER[count];
	count = count + 1;
	return head..number..tail;
end

return { generate = generate };
