-- Who shares a local room with whom: an index of affiliations, filled at the first question.

local hosts = prosody.hosts;

local belonging = { member = true, admin = true, owner = true };

local rooms_of = {}; -- bare JID -> set of room JIDs
local watched = {}; -- MUC hosts that are in the index

local function set(room_jid, jid, affiliation)
	local rooms = rooms_of[jid];
	if belonging[affiliation] then
		if not rooms then
			rooms = {};
			rooms_of[jid] = rooms;
		end
		rooms[room_jid] = true;
	elseif rooms then
		rooms[room_jid] = nil;
		if next(rooms) == nil then rooms_of[jid] = nil; end
	end
end

local function watch(host, muc)
	local context = module:context(host);
	context:hook("muc-set-affiliation", function (event)
		set(event.room.jid, event.jid, event.affiliation);
	end, -100);
	context:hook("muc-room-destroyed", function (event)
		for jid in event.room:each_affiliation() do
			set(event.room.jid, jid, nil);
		end
	end, 100); -- MUC's own handler, which leaves a tombstone, is the last
	for room in muc.all_rooms() do
		for jid, affiliation in room:each_affiliation() do
			set(room.jid, jid, affiliation);
		end
	end
	watched[host] = muc;
end

local function refresh()
	for host, session in pairs(hosts) do
		local muc = session.modules and session.modules.muc;
		if muc and watched[host] ~= muc then watch(host, muc); end
	end
end

return function (one, other)
	refresh();
	local mine, theirs = rooms_of[one], rooms_of[other];
	if mine and theirs then
		for room in pairs(mine) do
			if theirs[room] then return true; end
		end
	end
	return false;
end
