package machine

import (
	"path"
	"slices"
	"strings"
)

// Engine is a database, queue or log shipper: a program that works for others
// than the callers that Fly Proxy counts, and so is not to be stopped because
// none is connected.
type Engine struct {
	Name  string // as a person says it
	Ships bool   // it ships logs and serves nobody

	images []string // parts of an image's name; with a slash at the end, the whole last part
	ports  []int    // its own, which tell it from other programs
	http   []int    // where it speaks HTTP
	mounts []string // where its volume is mounted
	volume []string // words in a volume's name; empty: the same as images
}

// Engines are engines to look among. Making the list costs more than a look
// into it: who asks many times keeps it.
type Engines []Engine

// KnownEngines are those that are found in real fly.toml files. Ports that other
// programs commonly use (8080, 9000) are left out.
func KnownEngines() Engines {
	return Engines{
		{
			Name:   "PostgreSQL",
			images: []string{"postgres", "postgresql", "postgis", "timescaledb", "pgvector", "pgbouncer", "pgpool"},
			ports:  []int{5432, 5433, 6432}, mounts: []string{"/var/lib/postgresql", "/var/lib/postgres"},
			volume: []string{"pg", "pgdata", "postgres", "postgresql", "timescaledb"},
		},
		{
			Name: "MySQL", images: []string{"mysql", "mariadb", "percona"}, ports: []int{3306, 33060},
			mounts: []string{"/var/lib/mysql"}, volume: []string{"mysql", "mysqldata", "mariadb"},
		},
		{
			Name: "Redis", images: []string{"redis", "valkey", "keydb", "dragonfly", "dragonflydb"},
			ports: []int{6379, 6380, 16379}, mounts: []string{"/var/lib/redis"},
			volume: []string{"redis", "redisdata", "valkey", "keydb", "dragonfly"},
		},
		{Name: "Memcached", images: []string{"memcached"}, ports: []int{11211}},
		{
			Name: "MongoDB", images: []string{"mongo", "mongodb", "ferretdb"}, ports: []int{27017, 27018, 27019},
			mounts: []string{"/data/db", "/var/lib/mongodb"}, volume: []string{"mongo", "mongodb", "mongodata"},
		},
		{
			Name: "ClickHouse", images: []string{"clickhouse"}, ports: []int{9440}, http: []int{8123, 8443},
			mounts: []string{"/var/lib/clickhouse"},
		},
		{
			Name: "Cassandra", images: []string{"cassandra", "scylla", "scylladb"}, ports: []int{9042, 9160},
			mounts: []string{"/var/lib/cassandra", "/var/lib/scylla"},
		},
		{
			Name: "CockroachDB", images: []string{"cockroach", "cockroachdb"}, ports: []int{26257},
			http: []int{8080}, mounts: []string{"/cockroach"},
		},
		{Name: "SQL Server", images: []string{"mssql"}, ports: []int{1433}, mounts: []string{"/var/opt/mssql"}},
		{Name: "Neo4j", images: []string{"neo4j"}, ports: []int{7687}, http: []int{7474}},
		{
			Name: "Elasticsearch", images: []string{"elasticsearch", "opensearch"}, ports: []int{9300},
			http:   []int{9200},
			mounts: []string{"/usr/share/elasticsearch", "/usr/share/opensearch", "/var/lib/elasticsearch"},
			volume: []string{"elasticsearch", "opensearch", "esdata"},
		},
		{Name: "CouchDB", images: []string{"couchdb"}, http: []int{5984}, mounts: []string{"/opt/couchdb"}},
		{Name: "InfluxDB", images: []string{"influxdb"}, http: []int{8086}, mounts: []string{"/var/lib/influxdb"}},
		{
			Name: "Prometheus", images: []string{"prometheus", "victoria"}, http: []int{9090, 8428},
			mounts: []string{"/prometheus"},
		},
		{Name: "Qdrant", images: []string{"qdrant"}, http: []int{6333, 6334}, mounts: []string{"/qdrant"}},
		{Name: "etcd", images: []string{"etcd"}, ports: []int{2380}, http: []int{2379}},
		{Name: "RethinkDB", images: []string{"rethinkdb"}, ports: []int{28015}, http: []int{8080}},
		{Name: "SurrealDB", images: []string{"surrealdb"}, http: []int{8000}},
		{Name: "NATS", images: []string{"nats"}, ports: []int{4222, 6222}, http: []int{8222}},
		{
			Name: "RabbitMQ", images: []string{"rabbitmq"}, ports: []int{5672, 5671}, http: []int{15672},
			mounts: []string{"/var/lib/rabbitmq"},
		},
		{
			Name: "Kafka", images: []string{"kafka", "redpanda"}, ports: []int{9092}, http: []int{8081, 8082, 9644},
			mounts: []string{"/var/lib/kafka", "/var/lib/redpanda"},
		},
		{Name: "ZooKeeper", images: []string{"zookeeper"}, ports: []int{2181}},

		{
			Name: "the log shipper Vector", Ships: true, images: []string{"vector/"}, ports: []int{8686},
			http: []int{8686}, mounts: []string{"/var/lib/vector"}, volume: []string{"vector"},
		},
		{
			Name: "a log shipper", Ships: true,
			images: []string{"log-shipper", "logshipper", "logstash", "promtail", "filebeat", "telegraf",
				"opentelemetry-collector"},
			volume: []string{"logstash", "promtail", "filebeat"},
		},
		{
			Name: "the log shipper Fluent Bit", Ships: true, images: []string{"fluent-bit", "fluentbit"},
			http: []int{2020},
		},
		{Name: "the log shipper Fluentd", Ships: true, images: []string{"fluentd"}, ports: []int{24224}},
	}
}

// companions are words in the names of images for people and monitors who look
// at an engine, and are none themselves.
func companions() []string {
	return []string{"exporter", "commander", "express", "insight", "redisinsight", "gui", "ui", "admin", "web",
		"dashboard", "backup"}
}

// EngineOfImage is the engine that an image is known for, by the last part of
// its name; nil if it is not known. Images that Fly built have the app's name,
// which says nothing.
func EngineOfImage(ref string) *Engine { return KnownEngines().OfImage(ref) }

// EngineOfPort is the engine whose own port this is; nil if it is nobody's.
func EngineOfPort(port int) *Engine { return KnownEngines().OfPort(port) }

// OfImage is [EngineOfImage] among these engines.
func (all Engines) OfImage(ref string) *Engine {
	ref, _, _ = strings.Cut(strings.ToLower(strings.TrimSpace(ref)), "@")
	if strings.HasPrefix(ref, "registry.fly.io/") {
		return nil
	}
	name := path.Base(ref)
	name, _, _ = strings.Cut(name, ":")
	if slices.ContainsFunc(words(name), func(word string) bool { return slices.Contains(companions(), word) }) {
		return nil
	}
	return all.first(func(e Engine) bool {
		return slices.ContainsFunc(e.images, func(image string) bool {
			whole, is := strings.CutSuffix(image, "/")
			return is && name == whole || !is && hasWords(name, image)
		})
	})
}

// OfPort is [EngineOfPort] among these engines.
func (all Engines) OfPort(port int) *Engine {
	return all.first(func(e Engine) bool { return slices.Contains(e.ports, port) })
}

// OfMount finds the engine that keeps its data in a volume of this name or at
// this destination; nil if there is none.
func (all Engines) OfMount(volume, destination string) *Engine {
	destination = path.Clean(strings.ToLower(destination))
	name := words(strings.ToLower(volume))
	return all.first(func(e Engine) bool {
		known := e.volume
		if known == nil {
			known = e.images
		}
		return slices.ContainsFunc(e.mounts, func(at string) bool {
			return destination == at || strings.HasPrefix(destination, at+"/")
		}) ||
			slices.ContainsFunc(name, func(word string) bool { return slices.Contains(known, word) })
	})
}

// SpeaksHTTP reports whether the engine speaks HTTP on its port.
func (e *Engine) SpeaksHTTP(port int) bool { return slices.Contains(e.http, port) }

func (all Engines) first(match func(Engine) bool) *Engine {
	if i := slices.IndexFunc(all, match); i >= 0 {
		return &all[i]
	}
	return nil
}

// words are the parts of a name between its hyphens, underscores and dots.
func words(name string) []string {
	return strings.FieldsFunc(name, func(r rune) bool { return strings.ContainsRune("-_.", r) })
}

// hasWords reports whether the words of part stand in a name, one after another.
func hasWords(name, part string) bool {
	have, want := words(name), words(part)
	for i := 0; i+len(want) <= len(have); i++ {
		if slices.Equal(have[i:i+len(want)], want) {
			return true
		}
	}
	return false
}
