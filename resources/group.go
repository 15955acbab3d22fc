package resources

import (
	"encoding/json"
	"slices"
)

const (
	// listedMachines is how many Machines are listed one by one; more are summed up by group.
	listedMachines = 8
	// oddMachines is how many Machines that differ from their group are listed then.
	oddMachines = 20
)

// Group sums up the Machines of a process group.
type Group struct {
	Group    string         `json:"group"`
	Machines int            `json:"machines"`
	States   map[string]int `json:"states"`
	Regions  map[string]int `json:"regions"`
	Services []Service      `json:"services"` // of most of them
}

// sumUp puts the Machines into the status: all of them if they are few, else by group, with
// those that differ.
func (s *Status) sumUp(machines []Machine) {
	if len(machines) <= listedMachines {
		s.Machines = append(s.Machines, machines...)
		return
	}
	byGroup := make(map[string][]Machine)
	var order []string
	for _, m := range machines {
		if byGroup[m.Group] == nil {
			order = append(order, m.Group)
		}
		byGroup[m.Group] = append(byGroup[m.Group], m)
	}
	slices.Sort(order)
	for _, name := range order {
		g := Group{Group: name, States: map[string]int{}, Regions: map[string]int{}}
		usual := usualServices(byGroup[name])
		for _, m := range byGroup[name] {
			g.Machines++
			g.States[m.State]++
			g.Regions[m.Region]++
			form := servicesForm(m)
			if form == usual && g.Services == nil {
				g.Services = m.Services
			}
			if !m.isOdd(form != usual) {
				continue
			}
			if len(s.Machines) == oddMachines {
				s.OddOmitted++
				continue
			}
			s.Machines = append(s.Machines, m)
		}
		s.Groups = append(s.Groups, g)
	}
}

// isOdd reports whether an agent has to know of the Machine by itself.
func (m Machine) isOdd(differs bool) bool {
	settled := m.State == "started" || m.State == "stopped" || m.State == "suspended"
	return m.Unread || differs || !settled ||
		slices.ContainsFunc(m.Checks, func(c Check) bool { return c.Status != "passing" })
}

// usualServices returns the form of the services that most Machines have.
func usualServices(machines []Machine) (usual string) {
	counts := make(map[string]int)
	for _, m := range machines {
		form := servicesForm(m)
		counts[form]++
		if counts[form] > counts[usual] {
			usual = form
		}
	}
	return usual
}

// servicesForm returns the services as text that can be compared.
func servicesForm(m Machine) string {
	body, err := json.Marshal(m.Services)
	if err != nil {
		return m.ID // like no other
	}
	return string(body)
}
