-- What Prosody offers a module, on the Lua that Debian 12 runs it with.
std = "lua54"
max_line_length = 140
cache = false
exclude_files = { ".venv", "node_modules" }
files["prosody/modules"] = { globals = { "module", "prosody" } }
files["prosody/*.cfg.lua"] = { ignore = { "111", "112", "113", "131" } }
