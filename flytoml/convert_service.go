package flytoml

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/flycast-mcp/flycast-mcp/flytoml/internal/excerpt"
	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
)

// Service returns [http_service] as a plain service: TCP on ports 80 and 443,
// with force_https on 80 and the TLS options on 443.
func (s *HTTPService) Service() Service {
	http, https := 80, 443
	return Service{
		Protocol:           "tcp",
		InternalPort:       s.InternalPort,
		AutoStopMachines:   s.AutoStopMachines,
		AutoStartMachines:  s.AutoStartMachines,
		MinMachinesRunning: s.MinMachinesRunning,
		Ports: []machine.Port{{
			Port:        &http,
			Handlers:    []string{"http"},
			ForceHTTPS:  s.ForceHTTPS,
			HTTPOptions: s.HTTPOptions,
		}, {
			Port:        &https,
			Handlers:    []string{"http", "tls"},
			HTTPOptions: s.HTTPOptions,
			TLSOptions:  s.TLSOptions,
		}},
		Concurrency:   s.Concurrency,
		HTTPChecks:    s.HTTPChecks,
		MachineChecks: s.MachineChecks,
		Processes:     s.Processes,
	}
}

// ToMachine returns the service as a Machine's configuration has it.
func (s Service) ToMachine() machine.Service {
	out := machine.Service{
		Protocol:           s.Protocol,
		InternalPort:       s.InternalPort,
		Autostop:           (*machine.Autostop)(s.AutoStopMachines),
		Autostart:          s.AutoStartMachines,
		MinMachinesRunning: s.MinMachinesRunning,
		Ports:              s.Ports,
		Concurrency:        s.Concurrency,
	}
	for _, check := range s.TCPChecks {
		if check != nil {
			out.Checks = append(out.Checks, check.wire())
		}
	}
	for _, check := range s.HTTPChecks {
		if check != nil {
			out.Checks = append(out.Checks, check.wire())
		}
	}
	return out
}

func (c *ServiceTCPCheck) wire() machine.Check {
	kind := "tcp"
	return machine.Check{
		Type:        &kind,
		Interval:    c.Interval.text(),
		Timeout:     c.Timeout.text(),
		GracePeriod: c.GracePeriod.text(),
	}
}

// wire keeps the method as it is written. Top-level checks convert it to upper case.
func (c *ServiceHTTPCheck) wire() machine.Check {
	kind := "http"
	return machine.Check{
		Type:          &kind,
		Interval:      c.Interval.text(),
		Timeout:       c.Timeout.text(),
		GracePeriod:   c.GracePeriod.text(),
		Method:        c.HTTPMethod,
		Path:          c.HTTPPath,
		Protocol:      c.HTTPProtocol,
		TLSSkipVerify: c.HTTPTLSSkipVerify,
		TLSServerName: c.HTTPTLSServerName,
		Headers:       wireHeaders(c.HTTPHeaders),
	}
}

// wireHeaders returns the headers sorted by name. flyctl sends them in random order.
func wireHeaders(headers map[string]string) []machine.Header {
	var out []machine.Header
	for _, name := range slices.Sorted(maps.Keys(headers)) {
		out = append(out, machine.Header{Name: name, Values: []string{headers[name]}})
	}
	return out
}

func (d *Definition) wireChecks(group string) (map[string]machine.Check, error) {
	out := make(map[string]machine.Check, len(d.Checks))
	for _, name := range slices.Sorted(maps.Keys(d.Checks)) {
		check, err := d.Checks[name].wire()
		if err != nil {
			return nil, err
		}
		if check.Port == nil {
			if d.HTTPService == nil {
				return nil, fmt.Errorf(
					"Check %s for process group %s has no port set and the group has no http_service to take it from",
					excerpt.QuoteWhole(name), excerpt.QuoteWhole(group))
			}
			check.Port = &d.HTTPService.InternalPort
		}
		out[name] = check
	}
	return out, nil
}

func (c *ToplevelCheck) wire() (machine.Check, error) {
	if c.Type == nil || *c.Type != "http" && *c.Type != "tcp" {
		return machine.Check{}, errors.New("Missing or invalid check type, must be 'http' or 'tcp'")
	}
	out := machine.Check{
		Port:          c.Port,
		Type:          c.Type,
		Interval:      c.Interval.text(),
		Timeout:       c.Timeout.text(),
		GracePeriod:   c.GracePeriod.text(),
		Path:          c.HTTPPath,
		Protocol:      c.HTTPProtocol,
		TLSSkipVerify: c.HTTPTLSSkipVerify,
		TLSServerName: c.HTTPTLSServerName,
		Headers:       wireHeaders(c.HTTPHeaders),
	}
	if c.HTTPMethod != nil {
		method := strings.ToUpper(*c.HTTPMethod)
		out.Method = &method
	}
	return out, nil
}
