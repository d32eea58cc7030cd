-- Who is of the organisation, who is a guest, who is a person: shared by our modules.

local jid_split = require "util.jid".split;

local hosts = prosody.hosts;

local domains = module:get_option_set("xmppgov_domains", {});
local guest_domains = module:get_option_set("xmppgov_guest_domains", {});

-- The domain above: "rooms.gov.example" -> "gov.example" -> "example" -> nil
local function parent(host)
	return host:match("^[^.]+%.(.+)$");
end

local function is_guest(host)
	while host do
		if guest_domains:contains(host) then return true; end
		host = parent(host);
	end
	return false;
end

local function is_room_service(host)
	local session = hosts[host];
	return session ~= nil and session.modules ~= nil and session.modules.muc ~= nil;
end

-- One of the domains, or a local host below one; never a guest, nor a MUC, which forwards for others.
local function is_organisation(host)
	if not host or is_guest(host) or is_room_service(host) then return false; end
	if domains:contains(host) then return true; end
	if not hosts[host] then return false; end
	local above = parent(host);
	while above do
		if domains:contains(above) then return true; end
		above = parent(above);
	end
	return false;
end

-- A local host of ours that has accounts.
local function has_people(host)
	local session = hosts[host];
	return session ~= nil and session.type == "local" and domains:contains(host) and not is_guest(host);
end

local function is_person(jid)
	local node, host = jid_split(jid);
	return node ~= nil and has_people(host);
end

local function people_hosts()
	local found = {};
	for host in domains do
		if has_people(host) then found[#found + 1] = host; end
	end
	return found;
end

return {
	domains = domains;
	has_people = has_people;
	is_guest = is_guest;
	is_organisation = is_organisation;
	is_person = is_person;
	is_room_service = is_room_service;
	people_hosts = people_hosts;
};
