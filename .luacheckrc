-- What Prosody offers a module; the code reads on Lua 5.2 and later.
std = "lua52"
max_line_length = 140
cache = false
exclude_files = { ".venv", "node_modules" }
files["prosody/modules"] = { globals = { "module", "prosody" } }
files["prosody/*.cfg.lua"] = { ignore = { "111", "112", "113", "131" } }
