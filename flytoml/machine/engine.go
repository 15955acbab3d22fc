package machine

import (
	"path"
	"slices"
	"strings"
)

// Engine is a database, queue or log shipper. Such a program also works for
// clients that Fly Proxy does not count, so it must not be stopped just because
// no caller is connected.
type Engine struct {
	Name  string // for people
	Ships bool   // it ships logs and has no clients

	images []string // parts of an image's name; one that ends in a slash is the whole last part
	ports  []int    // ports that only this engine uses
	http   []int    // ports on which it speaks HTTP
	mounts []string // where its volume is mounted
	volume []string // words in a volume's name; empty means the same as images
}

// Engines is a list of engines to search. Creating the list takes longer than
// searching it, so keep it for repeated searches.
type Engines []Engine

// KnownEngines returns the engines that are common in fly.toml files. Ports that
// other programs often use too (8080, 9000) are left out.
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

// companions returns words in the names of images that are not an engine but a
// tool for one, such as an exporter or a user interface.
func companions() []string {
	return []string{"exporter", "commander", "express", "insight", "redisinsight", "gui", "ui", "admin", "web",
		"dashboard", "backup"}
}

// EngineOfImage returns the engine of an image, by the last part of its name, nil
// if it is not known. Images built by Fly have the name of the app, which says
// nothing about the engine.
func EngineOfImage(ref string) *Engine { return KnownEngines().OfImage(ref) }

// EngineOfPort returns the engine that uses the port, nil if there is none.
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

// OfMount returns the engine that stores its data in a volume with this name or
// mounted at this destination, nil if there is none.
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

// words returns the parts of a name between its hyphens, underscores and dots.
func words(name string) []string {
	return strings.FieldsFunc(name, func(r rune) bool { return strings.ContainsRune("-_.", r) })
}

// hasWords reports whether the words of part are in a name, one after another.
func hasWords(name, part string) bool {
	have, want := words(name), words(part)
	for i := 0; i+len(want) <= len(have); i++ {
		if slices.Equal(have[i:i+len(want)], want) {
			return true
		}
	}
	return false
}
