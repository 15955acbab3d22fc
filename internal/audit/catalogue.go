package audit

import "slices"

// Catalogue returns all rules. Making the list costs little; the order is that of
// docs/audit.md.
func Catalogue() []Rule {
	return slices.Concat(exposureRules(), routingRules(), storedRules(), callerRules(), sleepingRules(),
		suspendRules(), machineRules(), listeningRules())
}
