-- What an operator sees of the capture: `prosodyctl shell "xmppgov_capture:status()"`.

-- What is counted for the whole server, whatever archive it goes to.
local function totals(channels, counters)
	local recorded = 0;
	for _, channel in ipairs(channels) do
		recorded = recorded + channel.written + channel.missed;
	end
	local refused = counters.seen - recorded - counters.skipped - counters.left_out;
	return { skipped = counters.skipped, left_out = counters.left_out, refused = math.max(0, refused) };
end

local function in_order(by_archive)
	local channels = {};
	for _, channel in pairs(by_archive) do channels[#channels + 1] = channel; end
	table.sort(channels, function (a, b) return a.archive < b.archive; end);
	return channels;
end

local function show(print, values)
	local names = {};
	for name in pairs(values) do names[#names + 1] = name; end
	table.sort(names);
	for _, name in ipairs(names) do print(name, values[name]); end
end

-- Returns what is wrong with a channel, or nil.
local function complaint(now)
	local alarm = now.lost > 0 and ("ALARM: the archive refused %d records as malformed; holes say so"):format(now.lost) or nil;
	return now.problem or now.trouble or alarm;
end

-- Adds the command to the shell.
local function add_command(by_archive, counters)
	local shell = module:shared("/*/admin_shell/env");
	shell.xmppgov_capture = {};
	function shell.xmppgov_capture:status()
		local print, wrong = self.session.print, nil;
		local channels = in_order(by_archive);
		for _, channel in ipairs(channels) do
			local now = channel:status();
			show(print, now);
			wrong = wrong or complaint(now);
		end
		show(print, totals(channels, counters));
		return not wrong, wrong or "capturing";
	end
end

return { show = function (by_archive, _, counters) add_command(by_archive, counters); end };
