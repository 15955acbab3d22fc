package flysim

import (
	"encoding/json"
	"strings"
)

// publishedConfig lists the fields of a Machine's configuration that Fly documents (fly-go,
// MachineConfig, and the OpenAPI description of the Machines API). A field with braces is an
// object, or a list or a map (*) of objects; any other field may have any value.
const publishedConfig = `
env metadata image schedule auto_destroy standbys size disable_machine_autostart
init{exec entrypoint cmd tty swap_size_mb kernel_args}
guest{cpu_kind cpus memory_mb max_memory_mb gpus gpu_kind host_dedication_id persist_rootfs kernel_args
required_host_features}
mounts{encrypted path size_gb volume name extend_threshold_percent add_size_gb add_size_percent min_add_size_gb
size_gb_limit}
services{
	protocol internal_port autostop autostart min_machines_running force_instance_key force_instance_description
	ports{
		port start_port end_port handlers force_https
		tls_options{alpn versions default_self_signed}
		http_options{
			compress h2_backend idle_timeout headers_read_timeout
			response{headers pristine} replay_cache{path_prefix ttl_seconds type name allow_bypass}
		}
		proxy_proto_options{version}
	}
	checks{port type interval timeout grace_period method path protocol tls_skip_verify tls_server_name
	headers{name values}}
	concurrency{type hard_limit soft_limit}
}
metrics{port path https}
checks{*{port type kind interval timeout grace_period method path protocol tls_skip_verify tls_server_name
headers{name values}}}
statics{guest_path url_prefix tigris_bucket index_document}
files{guest_path raw_value secret_name image_config mode}
restart{policy max_retries gpu_bid_price}
dns{
	skip_registration nameservers searches options{name value} dns_forward_rules{basename addr} hostname hostname_fqdn
}
processes{exec entrypoint cmd user env secrets{env_var name} ignore_app_secrets env_from{env_var field_ref}}
stop_config{timeout signal}
containers{
	name image exec entrypoint cmd user env secrets{env_var name} env_from{env_var field_ref}
	files{guest_path raw_value secret_name image_config mode} restart{policy max_retries gpu_bid_price}
	stop{timeout signal}
	depends_on{name condition} healthchecks mounts{name path}
}
volumes{name temp_dir{storage_type size_mb} image}
rootfs{persist size_gb}
cache_drive{size_mb}
spot{max_price_fraction}
`

// shape describes an object: its fields, each with its own shape, or nil for a field that may have
// any value.
type shape map[string]shape

// publishedShape parses publishedConfig.
func publishedShape() shape {
	top := shape{}
	stack, last := []shape{top}, ""
	text := strings.NewReplacer("{", " { ", "}", " } ").Replace(publishedConfig)
	for word := range strings.FieldsSeq(text) {
		in := stack[len(stack)-1]
		switch word {
		case "{":
			in[last] = shape{}
			stack = append(stack, in[last])
		case "}":
			stack = stack[:len(stack)-1]
		default:
			in[word], last = nil, word
		}
	}
	return top
}

// prune drops the fields of a document that the shape lacks. A value of an unexpected kind is left
// unchanged for its readers to refuse.
func (s shape) prune(raw json.RawMessage) json.RawMessage {
	if s == nil {
		return raw
	}
	var list []json.RawMessage
	if json.Unmarshal(raw, &list) == nil && list != nil {
		for i := range list {
			list[i] = s.prune(list[i])
		}
		return encode(list, raw)
	}
	var fields map[string]json.RawMessage
	if json.Unmarshal(raw, &fields) != nil || fields == nil {
		return raw
	}
	every, all := s["*"]
	for name, value := range fields {
		known, ok := s[name]
		switch {
		case all:
			fields[name] = every.prune(value)
		case ok:
			fields[name] = known.prune(value)
		default:
			delete(fields, name)
		}
	}
	return encode(fields, raw)
}

// encode returns v as JSON, or raw if v cannot be encoded.
func encode(v any, raw json.RawMessage) json.RawMessage {
	out, err := json.Marshal(v)
	if err != nil {
		return raw
	}
	return out
}
