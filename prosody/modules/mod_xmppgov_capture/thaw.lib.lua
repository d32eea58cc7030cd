-- While a session waits, Prosody reads nothing more from its connection. What TLS had already decrypted by then
-- is not announced again when it goes on (seen in 0.12.3), so the connection is looked at once more.

local add_task = require "util.timer".add_task;

-- Has the connection of a session that has waited looked at. Prosody reads it again one turn of its loop after
-- the session has gone on, so this comes one turn later still.
local function thaw(session)
	local conn = session and session.conn;
	if not (conn and conn.onreadable) then return; end
	local function look()
		local socket = conn.conn;
		if socket and conn._wantread and socket.dirty and socket:dirty() then conn:onreadable(); end
	end
	add_task(0, function () add_task(0, look); end);
end

return thaw;
