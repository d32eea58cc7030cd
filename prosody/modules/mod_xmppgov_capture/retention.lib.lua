-- How long the archive keeps a record at the most, from the period of its class: a month is kept whole, is due when
-- it is longer ago than the period, and is erased when two officers have done so (docs/decisions/0180).

local MONTHS = { ["cnil-6m"] = 6, ["cnil-1y"] = 12, ["controle-interne-3y"] = 36 };
local LONGEST = 1200;
local DAYS = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };

-- Returns the months of a period, a preset or whole months as in "18m", or nil where it is none.
local function months(text)
	local number = MONTHS[text] or tonumber((text:match("^([1-9]%d*)m$")));
	return number and number <= LONGEST and math.floor(number) or nil;
end

local function days_of(month)
	return DAYS[month % 12 + 1] + (month % 48 == 1 and 1 or 0); -- every fourth February is longer
end

-- Returns how many days so many months that follow each other have at the most.
local function longest(count)
	local most = 0;
	for first = 0, 47 do
		local days = 0;
		for month = first, first + count - 1 do days = days + days_of(month); end
		most = math.max(most, days);
	end
	return most;
end

-- Returns the hours from the first moment of a month until its records are gone, which two officers see to
-- within so many days after they are due.
local function hours(period, grace)
	return (longest(months(period) + 1) + grace) * 24;
end

return { months = months, hours = hours };
