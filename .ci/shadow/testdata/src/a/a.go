package a

import "strings"

type server struct{ name string }

const limit = 3

var fallback = limit

func name(s server) string { return s.name }

func (limit server) receiver() string { return limit.name } // receivers may have any name

func parameter(server string) string { return server } // want `server shadows the type declared at .*a.go:5`

func result() (name string) { return } // want `name shadows the function`

func local(values []int) int {
	limit := len(values)              // want `limit shadows the constant`
	for _, fallback := range values { // want `fallback shadows the variable`
		limit += fallback
	}
	return limit
}

func inner() any {
	type server struct{ name string }                 // want `server shadows the type`
	return func(limit int) server { return server{} } // want `limit shadows the constant`
}

func fields() any { return struct{ limit, name int }{} }

func other(strings_ string) string { return strings.ToUpper(strings_) }
