-- Rooms that one manager sets as a whole: lists, names and settings follow it, and nobody else.
-- Protocol: urn:xmppgov:rooms:0 (docs/protocol/rooms.md). XEP-0045. Load it on the MUC component.
--
-- Everybody has affiliation "member"; a chair gets the role of moderator. Whoever else asks for a
-- change of lists, roles, nicknames, subject or settings is refused with a sentence.

local jid = require "util.jid";
local resourceprep = require "util.encodings".stringprep.resourceprep;
local st = require "util.stanza";
local user_exists = require "core.usermanager".user_exists;

local muc = module:depends "muc";
local language = module:require "xmppgov_language";
local sentences = module:require "xmppgov_rooms_sentences";

local xmlns = "urn:xmppgov:rooms:0";
local manager = module:get_option_string("xmppgov_rooms_manager");
local history_length = module:get_option_number("xmppgov_rooms_history_length", 0);

if not manager then
	error("xmppgov_rooms_manager is not set: name the governance component's domain", 0);
end
if module:get_option_boolean("component_admins_as_room_owners", true) then
	module:log("warn", "component_admins_as_room_owners is on: it shows administrators as owners of every room");
end

module:add_feature(xmlns);

-- True while the manager's own change is applied; every other one is refused (see below).
local applying = false;

local function refuse(event, condition, kind, sentence)
	local origin = event.origin;
	origin.send(language.error_reply(origin, event.stanza, kind, condition, sentences[sentence]));
	return true;
end

local function is_chair(room, bare)
	return room:get_affiliation_data(bare, "xmppgov_role") == "chair";
end

--- What the manager asks for -----------------------------------------------------------------

local function room_address(id)
	return id and id ~= "" and jid.prep(id .. "@" .. module.host, true);
end

-- Reads the members of <room/> as {[bare JID] = {nick=, chair=}}, or nil and what is wrong.
local function read_members(request)
	local members = {};
	for item in request:childtags("member") do
		local address = jid.prep(item.attr.jid or "", true);
		local node, host, resource = jid.split(address);
		if not node or resource or host == module.host or host == manager then
			return nil, "bad_member";
		end
		members[address] = {
			nick = item.attr.nick and resourceprep(item.attr.nick, true) or nil;
			chair = item.attr.role == "chair";
		};
	end
	return members;
end

-- `class` is the directory's word for the body; the capture's policy reads it off the room.
local function settle_configuration(room, name, class)
	room:set_name(name);
	room._data.xmppgov_class = class;
	room:set_persistent(true);
	room:set_hidden(true);
	room:set_members_only(true);
	room:set_allow_member_invites(false);
	room:set_moderated(false);
	room:set_password(nil);
	room:set_whois("anyone");
	room:set_changesubject(false);
	room:set_historylength(history_length);
	if room.set_allow_pm then -- Prosody 13
		room:set_allow_pm("none");
	end
end

-- Whoever sits on a nickname that now belongs to somebody else has to leave it.
local function clear_nick(room, nick, owner)
	local occupant = nick and room:get_occupant_by_nick(room.jid .. "/" .. nick);
	if occupant and occupant.bare_jid ~= owner then
		room:set_role(true, occupant.nick, nil);
	end
end

local function settle_role(room, address, chair)
	local role = chair and "moderator" or "participant";
	for _, occupant in room:each_occupant() do
		if occupant.bare_jid == address and occupant.role ~= role then
			room:set_role(true, occupant.nick, role);
		end
	end
end

local function settle_member(room, address, wanted)
	local data = room._affiliation_data[address] or {};
	local known = room._affiliations[address];
	local role = wanted.chair and "chair" or nil;
	local change;
	if known ~= "member" or data.reserved_nickname ~= wanted.nick or data.xmppgov_role ~= role then
		change = known and "changed" or "added";
		clear_nick(room, wanted.nick, address);
		assert(room:set_affiliation(true, address, "member", nil,
			{ reserved_nickname = wanted.nick, xmppgov_role = role }));
	end
	settle_role(room, address, wanted.chair);
	return change;
end

local function settle_lists(room, members)
	local count = { added = 0, removed = 0, changed = 0 };
	local leaving = {};
	for address in room:each_affiliation() do
		if not members[address] then
			leaving[#leaving + 1] = address;
		end
	end
	for _, address in ipairs(leaving) do
		assert(room:set_affiliation(true, address, "none"));
		count.removed = count.removed + 1;
	end
	for address, wanted in pairs(members) do
		local change = settle_member(room, address, wanted);
		if change then
			count[change] = count[change] + 1;
		end
	end
	return count;
end

-- set_affiliation saves the whole room each time; one save at the end is enough, and it must succeed
-- before the manager is answered.
local function with_one_save(room, change)
	local save = room.save;
	room.save = function () return true; end;
	applying = true;
	local ok, result = pcall(change);
	applying = false;
	room.save = save;
	local saved, err = room:save(true);
	if not ok then
		return nil, result;
	elseif not saved then
		return nil, err or "the room cannot be stored";
	end
	return result;
end

-- Returns the room, or nil and why not. A room whose file cannot be read is never written over:
-- mod_muc answers `false`, or a stand-in that is locked for ever.
local function existing_or_new(address)
	local room = muc.get_room_from_jid(address);
	if room == nil then
		return muc.create_room(address);
	elseif room == false or room._data.locked == math.huge then
		return nil, "the room cannot be read";
	end
	return room;
end

local function set_room(event)
	local stanza = event.stanza;
	local request = stanza.tags[1];
	local address = room_address(request.attr.id);
	local class = request.attr.class;
	if not address or not request.attr.name or class and not class:find("^%l[%l-]*$") then
		return refuse(event, "bad-request", "modify", "bad_room");
	end
	local members, problem = read_members(request);
	if not members then
		return refuse(event, "bad-request", "modify", problem);
	end
	local room, err = existing_or_new(address);
	local count;
	if room then
		count, err = with_one_save(room, function ()
			settle_configuration(room, request.attr.name, class);
			return settle_lists(room, members);
		end);
	end
	if not count then
		module:log("error", "room %s: %s", request.attr.id, err);
		return refuse(event, "internal-server-error", "wait", "not_stored");
	end
	event.origin.send(st.reply(stanza):tag("room", {
		xmlns = xmlns; id = request.attr.id;
		added = ("%d"):format(count.added); removed = ("%d"):format(count.removed);
		changed = ("%d"):format(count.changed);
	}));
	return true;
end

local function get_rooms(event)
	local reply = st.reply(event.stanza):tag("rooms", { xmlns = xmlns });
	for room in muc.all_rooms() do
		local count = 0;
		for _ in room:each_affiliation() do
			count = count + 1;
		end
		reply:tag("room", { id = jid.node(room.jid), members = ("%d"):format(count) }):up();
	end
	event.origin.send(reply);
	return true;
end

local function present_addresses(room)
	local present = {};
	for _, occupant in room:each_occupant() do
		present[occupant.bare_jid] = true;
	end
	return present;
end

local function get_room(event)
	local id = event.stanza.tags[1].attr.id;
	local address = room_address(id);
	local room = address and muc.get_room_from_jid(address);
	if room == nil then
		return refuse(event, "item-not-found", "cancel", "no_room");
	elseif not room or room._data.locked == math.huge then
		return refuse(event, "internal-server-error", "wait", "not_stored");
	end
	local present = present_addresses(room);
	local reply = st.reply(event.stanza):tag("room", {
		xmlns = xmlns, id = id, name = room:get_name(), class = room._data.xmppgov_class;
	});
	for bare, affiliation, data in room:each_affiliation() do
		reply:tag("member", {
			jid = bare; nick = data and data.reserved_nickname; affiliation = affiliation;
			role = is_chair(room, bare) and "chair" or "member"; present = present[bare] and "true" or "false";
		}):up();
	end
	event.origin.send(reply);
	return true;
end

-- Which of the addresses have an account here; an address of another server is not answered.
local function get_accounts(event)
	local reply = st.reply(event.stanza):tag("accounts", { xmlns = xmlns });
	for item in event.stanza.tags[1]:childtags("account") do
		local node, host = jid.prepped_split(item.attr.jid);
		local local_host = host and prosody.hosts[host];
		if node and local_host and local_host.type == "local" then
			local exists = user_exists(node, host) and "true" or "false";
			reply:tag("account", { jid = item.attr.jid, exists = exists }):up();
		end
	end
	event.origin.send(reply);
	return true;
end

for name, handler in pairs {
	["iq-set/host/" .. xmlns .. ":room"] = set_room;
	["iq-get/host/" .. xmlns .. ":room"] = get_room;
	["iq-get/host/" .. xmlns .. ":rooms"] = get_rooms;
	["iq-get/host/" .. xmlns .. ":accounts"] = get_accounts;
} do
	module:hook(name, function (event)
		if event.stanza.attr.from ~= manager then
			return refuse(event, "forbidden", "auth", "not_manager");
		end
		return handler(event);
	end);
end

--- What people may not change ----------------------------------------------------------------

local function refuse_with(sentence, condition, kind)
	return function (event)
		return refuse(event, condition or "not-allowed", kind or "cancel", sentence);
	end
end

module:hook("iq-set/bare/http://jabber.org/protocol/muc#admin:query", refuse_with("directory_decides"), 10);
module:hook("iq-set/bare/http://jabber.org/protocol/muc#owner:query", refuse_with("directory_decides"), 10);
module:hook("iq-get/bare/http://jabber.org/protocol/muc#owner:query", refuse_with("directory_decides"), 10);
module:hook("muc-pre-invite", refuse_with("no_invitations"), 100);
-- Nobody is invited through a room, so nobody declines: the room would say so in clear, to anybody.
module:hook("muc-pre-decline", refuse_with("no_invitations"), 100);
module:hook("muc-room-pre-create", refuse_with("no_new_rooms"), 100);

-- Leaving a room's register would end the membership (muc/register.lib.lua).
module:hook("iq/bare/jabber:iq:register:query", function (event)
	if event.stanza.attr.type == "set" then
		return refuse(event, "not-allowed", "cancel", "nick_decided");
	end
end, 10);

-- A subject is a change of the room, whoever asks; its text would be readable to the server.
module:hook("muc-occupant-groupchat", function (event)
	local stanza = event.stanza;
	if stanza:get_child("subject") and not stanza:get_child("body") and not stanza:get_child("thread") then
		return refuse(event, "not-allowed", "cancel", "no_subject");
	end
end, 45);

-- Private messages in a room: people write to each other's own address.
module:hook("message/full", function (event)
	local kind = event.stanza.attr.type;
	if kind ~= "error" and kind ~= "groupchat" then
		return refuse(event, "not-allowed", "cancel", "no_private_messages");
	end
end, 10);

-- Whatever else changes a list (an administrator's command, another module) is refused too.
module:hook("muc-pre-set-affiliation", function (event)
	if not applying then
		event.allowed = false;
		event.error = { type = "cancel", condition = "not-allowed" };
	end
end, 100);

--- Who sits where ----------------------------------------------------------------------------

-- The nickname is the directory's: nobody can take another name, and every device of a person is
-- the same occupant. Prosody's enforce_registered_nickname would replace the person's other sessions.
local function take_reserved_nick(room, occupant, bare)
	local nick = room:get_registered_nick(bare);
	local wanted = nick and room.jid .. "/" .. nick;
	if not wanted or occupant.nick == wanted then
		return;
	end
	local present = room:get_occupant_by_nick(wanted);
	if present and present.bare_jid ~= bare then
		return;
	elseif present then
		for address, presence in present:each_session() do
			occupant.sessions[address] = presence;
		end
		occupant.jid, occupant.role = present.jid, present.role;
	end
	occupant.nick = wanted;
end

module:hook("muc-occupant-pre-join", function (event)
	local room, occupant = event.room, event.occupant;
	local bare = jid.bare(event.stanza.attr.from);
	if event.is_first_session then
		take_reserved_nick(room, occupant, bare);
	end
	if is_chair(room, bare) then
		occupant.role = "moderator";
	end
end, -20); -- behind the checks of affiliation

module:hook("muc-occupant-pre-change", function (event)
	local bare = jid.bare(event.stanza.attr.from);
	local nick = event.room:get_registered_nick(bare);
	local wanted = nick and event.room.jid .. "/" .. nick;
	if wanted and event.dest_occupant.nick ~= wanted and event.dest_occupant.nick ~= event.orig_occupant.nick then
		return refuse(event, "not-acceptable", "cancel", "nick_decided");
	end
end, 10);
