-- A clock that moves at every step of the server, so that a player's client hears from it five times a second; and
-- <world>/players.json, once a second: for each player how often he came and went, and the age of his connection
-- in seconds.
local file = minetest.get_worldpath() .. "/players.json"
local players = {}
local clocks = {}
local seconds, written = 0, 0

minetest.register_on_joinplayer(function(player)
	local name = player:get_player_name()
	local record = players[name] or { came = 0, left = 0 }
	record.came = record.came + 1
	players[name] = record
	clocks[name] = player:hud_add({
		type = "text",
		position = { x = 0.5, y = 0.1 },
		number = 0xFFFFFF,
		text = "",
	})
end)

minetest.register_on_leaveplayer(function(player)
	local name = player:get_player_name()
	players[name].left = players[name].left + 1
	clocks[name] = nil
end)

minetest.register_globalstep(function(dtime)
	seconds = seconds + dtime
	for name, clock in pairs(clocks) do
		local player = minetest.get_player_by_name(name)
		if player then player:hud_change(clock, "text", ("%.2f"):format(seconds)) end
	end
	if seconds - written < 1 then return end
	written = seconds
	for name in pairs(clocks) do
		-- Of one whose connection was just given up there is none; an error here would end the server.
		local about = minetest.get_player_information(name)
		if about then players[name].uptime = about.connection_uptime end
	end
	minetest.safe_file_write(file, minetest.write_json({ seconds = seconds, players = players }))
end)
