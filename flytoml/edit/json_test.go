package edit

import (
	"testing"

	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
)

func jsonTests() []editTest {
	return []editTest{
		// Values.
		{"boolean", plainHTTP(),
			"{\n  \"http_service\": {\n    \"force_https\": true,\n    \"x\": 1\n  }\n}\n",
			"{\n  \"http_service\": {\n    \"force_https\": false,\n    \"x\": 1\n  }\n}\n"},
		{"escaped word and name", stopIdle(),
			`{"http_serv\u0069ce":{"auto_stop_machines":"o\u0066f"}}`,
			`{"http_serv\u0069ce":{"auto_stop_machines":"stop"}}`},
		{"the same in other words", Request{Autostop: ptr(machine.AutostopStop), MinMachines: ptr(10)},
			`{"services":[{"auto_stop_machines":true,"min_machines_running":1e1}]}`,
			`{"services":[{"auto_stop_machines":true,"min_machines_running":1e1}]}`},
		{"null is no value", Request{ForceHTTPS: ptr(false), Autostart: ptr(true)},
			`{ "http_service": { "force_https": null, "auto_start_machines": null } }`,
			`{ "http_service": { "force_https": null, "auto_start_machines": true } }`},
		{"object in place of a word", stopIdle(),
			`{"http_service":{"auto_stop_machines":{"a":[1]}}}`,
			`{"http_service":{"auto_stop_machines":"stop"}}`},

		// New keys.
		{"among lines", autostart(),
			"{\n  \"HTTP_Service\": {\n    \"internal_port\": 80,\n    \"processes\": []\n  }\n}\n",
			"{\n  \"HTTP_Service\": {\n    \"internal_port\": 80,\n    \"auto_start_machines\": true,\n" +
				"    \"processes\": []\n  }\n}\n"},
		{"behind the last line", blueprint(),
			"{\r\n\t\"http_service\": {\r\n\t\t\"internal_port\": 80\r\n\t}\r\n}",
			"{\r\n\t\"http_service\": {\r\n\t\t\"internal_port\": 80,\r\n\t\t\"auto_stop_machines\": \"stop\",\r\n" +
				"\t\t\"auto_start_machines\": true,\r\n\t\t\"min_machines_running\": 0\r\n\t}\r\n}"},
		{"on one line", autostart(),
			"{\n  \"http_service\": { \"internal_port\": 80, \"processes\": [] }\n}\n",
			"{\n  \"http_service\": { \"internal_port\": 80, \"auto_start_machines\": true, \"processes\": [] }\n}\n"},
		{"without blanks", softLimit(9),
			`{"services":[{"internal_port":80,"ports":[]}]}`,
			`{"services":[{"internal_port":80,"ports":[],"concurrency":{"type":"connections","soft_limit":9}}]}`},
		{"behind an object", autostart(),
			"{\n  \"http_service\": {\n    \"checks\": [\n      {}\n    ]\n  }\n}\n",
			"{\n  \"http_service\": {\n    \"checks\": [\n      {}\n    ],\n    \"auto_start_machines\": true\n  }\n}\n"},
		{"comma on the next line", autostart(),
			"{ \"services\": [ {\n    \"internal_port\": 80\n  , \"x\": 1\n  } ]\n}\n",
			"{ \"services\": [ {\n    \"internal_port\": 80, \"auto_start_machines\": true\n  , \"x\": 1\n  } ]\n}\n"},
		{"closing brace on the line", autostart(),
			"{ \"services\": [ {\n    \"internal_port\": 80 } ] }",
			"{ \"services\": [ {\n    \"internal_port\": 80, \"auto_start_machines\": true } ] }"},
		{"empty object", minMachines(1),
			"{\n    \"http_service\": {}\n}\n",
			"{\n    \"http_service\": {\n        \"min_machines_running\": 1\n    }\n}\n"},
		{"empty object over lines", Request{MinMachines: ptr(1), Autostart: ptr(true)},
			"{\n  \"http_service\": {\n\n  }\n}\n",
			"{\n  \"http_service\": {\n    \"auto_start_machines\": true,\n    \"min_machines_running\": 1\n  }\n}\n"},
		{"empty object in one on a line", softLimit(9),
			"{\n  \"services\": [{ \"x\": null, \"concurrency\": {} }, { \"concurrency\": null }]\n}\n",
			"{\n  \"services\": [{ \"x\": null, \"concurrency\": { \"type\": \"connections\", \"soft_limit\": 9 } }, " +
				"{ \"concurrency\": { \"type\": \"connections\", \"soft_limit\": 9 } }]\n}\n"},
		{"empty object on one line", minMachines(1),
			`{"http_service":{}}`,
			`{"http_service":{"min_machines_running":1}}`},

		{"CR only", autostart(),
			"{\r\n  \"http_service\": {\r\n    \"internal_port\": 80\r}\r\n}",
			"{\r\n  \"http_service\": {\r\n    \"internal_port\": 80, \"auto_start_machines\": true\r}\r\n}"},

		// Plain ports.
		{"plain port", plainPort(80),
			"{\n  \"services\": [\n    {\n      \"ports\": [\n" +
				"        { \"port\": 443, \"handlers\": [\"tls\", \"http\"] }\n      ]\n    }\n  ]\n}\n",
			"{\n  \"services\": [\n    {\n      \"ports\": [\n" +
				"        { \"port\": 443, \"handlers\": [\"tls\", \"http\"] },\n" +
				"        { \"port\": 80, \"handlers\": [\"http\"] }\n      ]\n    }\n  ]\n}\n"},
		{"plain port over lines", plainPort(80),
			"{\n  \"services\": [{\n    \"ports\": [\n      {\n        \"port\": 443,\n" +
				"        \"handlers\": [\"tls\", \"http\"]\n      }\n    ]\n  }]\n}\n",
			"{\n  \"services\": [{\n    \"ports\": [\n      {\n        \"port\": 443,\n" +
				"        \"handlers\": [\"tls\", \"http\"]\n      },\n      {\n        \"port\": 80,\n" +
				"        \"handlers\": [\"http\"]\n      }\n    ]\n  }]\n}\n"},
		{"plain port without blanks", plainPort(80),
			`{"services":[{"ports":[{"port":443,"handlers":["tls","http"]}]}]}`,
			`{"services":[{"ports":[{"port":443,"handlers":["tls","http"]},{"port":80,"handlers":["http"]}]}]}`},

		// Limits.
		{"limits among lines", softLimit(9),
			"{\n  \"http_service\": {\n    \"internal_port\": 80\n  }\n}\n",
			"{\n  \"http_service\": {\n    \"internal_port\": 80,\n    \"concurrency\": {\n" +
				"      \"type\": \"requests\",\n      \"soft_limit\": 9\n    }\n  }\n}\n"},
		{"limits in place of null", softLimit(9),
			"{\n  \"http_service\": {\n    \"concurrency\": null,\n    \"internal_port\": 80\n  }\n}\n",
			"{\n  \"http_service\": {\n    \"concurrency\": {\n      \"type\": \"requests\",\n" +
				"      \"soft_limit\": 9\n    },\n    \"internal_port\": 80\n  }\n}\n"},
		{"limits in place of the last null, with more keys behind", Request{SoftLimit: ptr(9), Autostart: ptr(true)},
			"{\n  \"http_service\": {\n    \"concurrency\": null\n  }\n}\n",
			"{\n  \"http_service\": {\n    \"concurrency\": {\n      \"type\": \"requests\",\n" +
				"      \"soft_limit\": 9\n    },\n    \"auto_start_machines\": true\n  }\n}\n"},
		{"limits that are there", Request{SoftLimit: ptr(9), ConcurrencyType: machine.CountRequests},
			"{\n  \"http_service\": {\n    \"concurrency\": {\n      \"type\": \"connections\",\n" +
				"      \"hard_limit\": 25\n    }\n  }\n}\n",
			"{\n  \"http_service\": {\n    \"concurrency\": {\n      \"type\": \"requests\",\n" +
				"      \"hard_limit\": 25,\n      \"soft_limit\": 9\n    }\n  }\n}\n"},
		{"old limits", softLimit(9),
			`{"services": [{"concurrency": "20,25"}]}`,
			`{"services": [{"concurrency": "9,25"}]}`},

		// Services and ports.
		{"every port of every service", plainHTTP(),
			`{"services":[{"ports":[{"force_https":true},{"Force_HTTPS":true}]},{"ports":{"force_https":true}},{}]}`,
			`{"services":[{"ports":[{"force_https":false},{"Force_HTTPS":false}]},{"ports":{"force_https":false}},{}]}`},
		{"a flat service", autostart(),
			`{"services":{"internal_port":1}}`,
			`{"services":{"internal_port":1,"auto_start_machines":true}}`},
		{"one group", inGroups(autostart(), "web"),
			`{"processes":{"web":"","jobs":""},"services":[{"processes":["jobs"]},{"processes":["web"]}]}`,
			`{"processes":{"web":"","jobs":""},"services":[{"processes":["jobs"]},{"processes":["web"],` +
				`"auto_start_machines":true}]}`},
		{"keys twice where no edit is", autostart(),
			`{"env":{},"env":{"a":"1","a":"2"},"services":[{"internal_port":1}]}`,
			`{"env":{},"env":{"a":"1","a":"2"},"services":[{"internal_port":1,"auto_start_machines":true}]}`},

		// New services.
		{"create", Request{Create: &Create{InternalPort: 80}, Autostart: ptr(true), SoftLimit: ptr(5)},
			"{\n\t\"app\": \"x\"\n}\n",
			"{\n\t\"app\": \"x\",\n\t\"http_service\": {\n\t\t\"internal_port\": 80,\n" +
				"\t\t\"auto_start_machines\": true,\n\t\t\"concurrency\": {\n\t\t\t\"type\": \"requests\",\n" +
				"\t\t\t\"soft_limit\": 5\n\t\t}\n\t}\n}\n"},
		{"create for a group", Request{Create: &Create{InternalPort: 80}},
			`{"processes":{"a\u0022\u0007":""}}`,
			`{"processes":{"a\u0022\u0007":""},"http_service":{"internal_port":80,"processes":["a\"\u0007"]}}`},
		{"create in place of null", Request{Create: &Create{InternalPort: 80}},
			"{\n  \"Http_service\": null,\n  \"services\": []\n}",
			"{\n  \"Http_service\": {\n    \"internal_port\": 80\n  },\n  \"services\": []\n}"},
		{"create in an empty object", Request{Create: &Create{InternalPort: 80}},
			"{}",
			"{\n  \"http_service\": {\n    \"internal_port\": 80\n  }\n}"},
		{"create where a service is", Request{Create: &Create{InternalPort: 80}},
			`{"services":[{"internal_port":1,"ports":[{"port":2}]}]}`,
			`{"services":[{"internal_port":1,"ports":[{"port":2}]}]}`},
		{"create TCP", Request{Create: &Create{InternalPort: 7000, TCP: true}},
			"{\n  \"app\": \"x\"\n}\n",
			"{\n  \"app\": \"x\",\n  \"services\": [\n    {\n      \"protocol\": \"tcp\",\n" +
				"      \"internal_port\": 7000,\n      \"ports\": [\n        {\n          \"port\": 7000\n        }\n" +
				"      ]\n    }\n  ]\n}\n"},
		{"create TCP in place of null", Request{Create: &Create{InternalPort: 7000, TCP: true}},
			"{\n  \"services\": null\n}\n",
			"{\n  \"services\": [\n    {\n      \"protocol\": \"tcp\",\n      \"internal_port\": 7000,\n" +
				"      \"ports\": [\n        {\n          \"port\": 7000\n        }\n      ]\n    }\n  ]\n}\n"},
		{"create TCP in an empty list", Request{Create: &Create{InternalPort: 7000, TCP: true}},
			`{"services":[]}`,
			`{"services":[{"protocol":"tcp","internal_port":7000,"ports":[{"port":7000}]}]}`},
		{"create TCP behind another", Request{Create: &Create{InternalPort: 7000, TCP: true}},
			`{"services":[{"internal_port":1}]}`,
			`{"services":[{"internal_port":1},{"protocol":"tcp","internal_port":7000,"ports":[{"port":7000}]}]}`},
		{"create TCP behind another, over lines", Request{Create: &Create{InternalPort: 7000, TCP: true}},
			"{\n  \"services\": [\n    {\n      \"internal_port\": 1\n    }\n  ]\n}\n",
			"{\n  \"services\": [\n    {\n      \"internal_port\": 1\n    },\n    {\n      \"protocol\": \"tcp\",\n" +
				"      \"internal_port\": 7000,\n      \"ports\": [\n        {\n          \"port\": 7000\n        }\n" +
				"      ]\n    }\n  ]\n}\n"},
	}
}

func TestEditJSON(t *testing.T) { testEdits(t, "fly.json", jsonTests()) }
