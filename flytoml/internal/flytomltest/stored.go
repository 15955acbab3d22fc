package flytomltest

// Stored is a definition as a release stores it, with values of all kinds.
const Stored = `{
	"unknown": {"b": [1, [2.5, "x"], {"k": null, "l": 1e21}], "a b": 12345678901234567890},
	"app": "shop", "primary_region": "ams", "kill_timeout": 5, "processes": [], "mounts": null, "metrics": [],
	"env": {"PW": "hunter2\"\\", "PRIMARY_REGION": "ams", "TEXT": "one\ntwo\n", "odd key": "\u0001é", "EMPTY": ""},
	"build": {"args": {"TOKEN": "hunter2"}, "image": "x"},
	"http_service": {"internal_port": 8080, "auto_stop_machines": true, "auto_start_machines": true,
		"min_machines_running": 0, "checks": [{"path": "/", "interval": "15s", "headers": {"Authorization": "hunter2"}}],
		"http_options": {"response": {"headers": {"Server": false}}}},
	"services": [{"internal_port": 5432, "auto_stop_machines": "suspend", "ports": [{"port": 5432, "handlers": []}]},
		{"internal_port": 1, "auto_stop_machines": false}],
	"checks": {"c": {"type": "http", "port": 1, "headers": {"A": "hunter2"}}},
	"files": [{"guest_path": "/f", "raw_value": "hunter2"}],
	"machine_config": "{\"dns\": {\"hostname\": \"hunter2\"}}"
}`
