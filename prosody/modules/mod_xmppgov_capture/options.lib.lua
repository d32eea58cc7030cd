-- The options of the capture, read and checked. A wrong one gives a sentence, with which the server stops.

local configuration = require "core.configmanager".getconfig;
local jid_prep, jid_host = require "util.jid".prep, require "util.jid".host;
local is_bare = module:require "address".is_bare;
local policy, months_of = module:require "policy", module:require "retention".months;

local EXTRA = { chatstates = true, markers = true, receipts = true };

local function is_archive(value)
	return value ~= "" and not value:find("[@/]") and is_bare(value);
end

-- What an option that differs by domain, class and room may say: whether a value is one, and how that is said.
local VALUES = {
	level = { function (value) return policy.LEVELS[value] ~= nil; end, "neither full, counts nor none" };
	fail = { function (value) return policy.MODES[value] ~= nil; end, "neither closed nor open" };
	archive = { is_archive, "not an archive's address" };
};

local options = {};

local function is_class(key)
	return key:find("^class:%l[%l-]*$") ~= nil;
end

local function is_key(key)
	return key == "*" or type(key) == "string" and (is_class(key) or jid_prep(key) == key and is_bare(key));
end

-- Reads one option that is a value for everything, or a table of values. Returns the table over `values`, or
-- nil and what is wrong.
local function read_values(name, what, values)
	local given = module:get_option("xmppgov_capture_"..name);
	if given == nil then return values; end
	local merged = {};
	if type(given) == "table" then
		for key, value in pairs(values) do merged[key] = value; end
	else
		given = { ["*"] = given };
	end
	for key, value in pairs(given) do
		if not is_key(key) then
			return nil, ("xmppgov_capture_%s names %s, which is neither *, a domain, a room nor class: and a word of small letters")
				:format(name, tostring(key));
		elseif type(value) ~= "string" or not what[1](value) then
			return nil, ("xmppgov_capture_%s is %s for %s"):format(name, what[2], key);
		end
		merged[key] = value;
	end
	return merged;
end

local function read_policy()
	local settings = policy.built_in();
	for _, name in ipairs { "level", "fail", "archive" } do
		local values, problem = read_values(name, VALUES[name], settings[name]);
		if not values then return nil, problem; end
		settings[name] = values;
	end
	if not settings.archive["*"] then return nil, "xmppgov_capture_archive, the archive's address, is not set"; end
	return settings;
end

-- Reads how long each archive keeps records: the period of its classes that is longest, by archive, or nil.
local function read_retention(archives)
	local known = {};
	for _, archive in pairs(archives) do known[archive] = true; end
	local given = module:get_option("xmppgov_capture_retention", {});
	if type(given) ~= "table" then given = { ["*"] = given }; end
	for archive, period in pairs(given) do
		if archive ~= "*" and not known[archive] then
			return nil, ("xmppgov_capture_retention names %s, which xmppgov_capture_archive does not"):format(tostring(archive));
		elseif type(period) ~= "string" or not months_of(period) then
			return nil, ("xmppgov_capture_retention is no period, as \"cnil-1y\" or \"18m\" is, for %s"):format(archive);
		end
	end
	return given;
end

local function read_extra()
	local set = module:get_option_set("xmppgov_capture_extra", {});
	for name in set do
		if not EXTRA[name] then
			return nil, ("xmppgov_capture_extra names %s, which is neither chatstates, markers nor receipts"):format(tostring(name));
		end
	end
	return set._items;
end

-- Option -> its default and its least value.
local NUMBERS = {
	alarm_age = { 300, 1 }; -- seconds
	erasure_days = { 31, 0 }; -- until officers have erased what is due
	sync_interval = { 0.02, 0.001 }; -- seconds
	reserve = { 10000, 1 };
	segment_size = { 8 * 1024 * 1024, 1 }; -- bytes
	keep = { 60, 1 }; -- seconds
	heartbeat = { 60, 1 }; -- seconds
};

local function read_numbers(settings)
	for name, limits in pairs(NUMBERS) do
		local value = module:get_option("xmppgov_capture_"..name, limits[1]);
		if type(value) ~= "number" or value < limits[2] then
			return ("xmppgov_capture_%s is no number of at least %s"):format(name, limits[2]);
		end
		settings[name] = value;
	end
end

-- Reads all options. Returns them, and what is wrong with them or nil.
function options.read()
	local problem;
	local settings = {
		spool = module:get_option_string("xmppgov_capture_spool", ""),
		server = module:get_option_string("xmppgov_capture_server", ""),
		boot_id = module:get_option_string("xmppgov_capture_boot_id", "/proc/sys/kernel/random/boot_id"),
	};
	if settings.spool == "" then return settings, "xmppgov_capture_spool, the spool's folder, is not set"; end
	if settings.server == "" then return settings, "xmppgov_capture_server, the host that sends batches, is not set"; end
	settings.policy, problem = read_policy();
	if problem then return settings, problem; end
	settings.retention, problem = read_retention(settings.policy.archive);
	if problem then return settings, problem; end
	settings.extra, problem = read_extra();
	return settings, problem or read_numbers(settings);
end

-- Returns what is wrong with the policy's domains and rooms once every host is known, or nil.
function options.unknown_host(policy_settings)
	for name, values in pairs(policy_settings) do
		for key in pairs(values) do
			local host = key ~= "*" and not is_class(key) and jid_host(key);
			if host and not rawget(configuration(), host) then
				return ("xmppgov_capture_%s names %s, but %s is no host of this server"):format(name, key, host);
			end
		end
	end
end

return options;
