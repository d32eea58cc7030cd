-- What is to be sent next, as it will be sent, so that nothing is read back while the archive keeps up. The text
-- is put together soon: a thousand small strings that live for a moment cost the collector more than one.

local batch = module:require "batch";

local end_with_sid, join = batch.end_with_sid, batch.join;
local BLOCK = 100; -- items of a block
local ROOM = 1000; -- pieces for which the same table serves again; the strings in it live until they are replaced
local MOST = 80; -- blocks; whoever wants an older one reads the spool

local recent = {};
local recent_mt = { __index = recent };

-- `pieces` are the newest items, from the number `first` on, each with its end; before them come `blocks`, each
-- { first =, last =, text = }.
local function new()
	return setmetatable({ pieces = {}, size = 0, first = 1, blocks = {} }, recent_mt);
end

-- Adds the next number's item and its end.
function recent:add(item, ending)
	local pieces, size = self.pieces, self.size;
	pieces[size + 1], pieces[size + 2], self.size = item, ending, size + 2;
end

-- Adds the stanza-id of a record, which became known after it was written.
function recent:amend(seq, sid)
	local place = 2 * (seq - self.first + 1);
	if place > 0 and place <= self.size then self.pieces[place] = end_with_sid(sid, "accepted"); end
end

-- Forgets everything; the next item is that of `seq`.
function recent:clear(seq)
	self.pieces, self.size, self.first, self.blocks = {}, 0, seq, {};
end

-- Makes blocks of the items up to the number `last`, which do not change any more.
function recent:fold(last)
	local pieces, done, blocks = self.pieces, 2 * (last - self.first + 1), self.blocks;
	if done <= 0 then return; end
	for from = 1, done, 2 * BLOCK do
		local to = math.min(from + 2 * BLOCK - 1, done);
		local first = self.first + from // 2;
		blocks[#blocks + 1] = { first = first, last = first + (to - from) // 2, text = join(pieces, from, to) };
	end
	self.pieces = table.move(pieces, done + 1, self.size, 1, self.size > ROOM and {} or pieces);
	self.size, self.first = self.size - done, last + 1;
	while #blocks > MOST do table.remove(blocks, 1); end
end

-- Whether the items from the number `seq` on are here; those before it are no longer wanted.
function recent:has(seq)
	local blocks = self.blocks;
	while blocks[1] and blocks[1].last < seq do table.remove(blocks, 1); end
	return (blocks[1] or self).first == seq;
end

-- Returns the text of the blocks up to the number `last`, at most `limit` items and `bytes` of them, and the last
-- one's number; or nil if there is none.
function recent:take(last, limit, bytes)
	local blocks, texts = self.blocks, {};
	for i = 1, #blocks do
		local block = blocks[i];
		bytes = bytes - #block.text;
		if block.last > last or block.last - blocks[1].first >= limit or bytes < 0 then break; end
		texts[i] = block.text;
	end
	if texts[1] then return texts, blocks[#texts].last; end
end

-- Returns the text of the oldest items.
function recent:oldest()
	return (self.blocks[1] or {}).text or self.pieces[1];
end

return { new = new };
