-- Watches the spools: figures for mod_http_openmetrics, and an alarm in the log where an archive is away too long.

local INTERVAL = 10; -- seconds between two looks

-- What each figure says of one archive's spool: name -> key of its status, unit, description.
local GAUGES = {
	spool_depth = { "depth", "", "Records that the archive has not answered for" };
	spool_age = { "age", "seconds", "Age of the oldest of them" };
	spool_records = { "records", "", "Records written since the server's start" };
	spool_missed = { "missed", "", "Messages that passed without a record since then" };
	spool_lost = { "lost", "", "Records that the archive refused as malformed" };
	spool_sync = { "sync", "seconds", "How long the last sync took" };
};

local function publish(by_archive)
	local gauges = {};
	for name, gauge in pairs(GAUGES) do
		gauges[gauge[1]] = module:metric("gauge", name, gauge[2], gauge[3], { "archive" });
	end
	local healthy = module:metric("gauge", "spool_healthy", "", "1 while the spool can be written", { "archive" });
	module:hook_global("stats-update", function ()
		for archive, channel in pairs(by_archive) do
			local now = channel:status();
			for key, gauge in pairs(gauges) do gauge:with_labels(archive):set(now[key]); end
			healthy:with_labels(archive):set(now.healthy and 1 or 0);
		end
	end);
end

-- Says once in the log that records have waited for `alarm_age` seconds, and once that they do no more.
local function alarm(by_archive, alarm_age)
	local late = {};
	module:add_timer(INTERVAL, function ()
		for archive, channel in pairs(by_archive) do
			local age = channel:status().age;
			if age >= alarm_age and not late[archive] then
				late[archive] = true;
				module:log("error", "ALARM: the archive %s has not taken a record for %d seconds; the spool keeps them", archive, age);
			elseif age < alarm_age and late[archive] then
				late[archive] = nil;
				module:log("info", "The archive %s takes records again", archive);
			end
		end
		return INTERVAL;
	end);
end

return { publish = publish, alarm = alarm };
