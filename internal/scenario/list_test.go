package scenario

// scenarios are the journeys that the product must take to their right end.
func scenarios() []scenario {
	return []scenario{
		{1, "the blueprint's example", blueprint},
		{2, "a paid address", paidAddress},
		{3, "private for the first time", firstTime},
		{4, "several ports", severalPorts},
		{5, "UDP", udp},
		{6, "custom hostnames", customHostnames},
		{7, "listens on loopback", loopbackBind},
		{8, "listens on the private network only", privateBind},
		{9, "wrong port", wrongPort},
		{10, "custom network", customNetwork},
		{11, "other organization", otherOrganization},
		{12, "200 Machines", manyMachines},
		{13, "settings of autostop", autostopMatrix},
		{14, "limits of suspend", suspendLimits},
		{15, "everything is stopped", allStopped},
		{16, "web and worker", webAndWorker},
		{17, "created through the API", createdByAPI},
		{18, "egress addresses", egress},
		{19, "an API that fails", flakyAPI},
		{20, "somebody else at work", race},
		{21, "half of a release", partialRelease},
		{22, "tokens", tokens},
		{23, "kinds of fly.toml", tomlKinds},
		{24, "release command", releaseCommand},
		{25, "data outside volumes", statefulRootfs},
		{26, "hostile text", hostileText},
		{27, "no way into the network", noWayIn},
		{28, "host down", hostDown},
		{29, "callers to switch", callersToSwitch},
		{30, "close it now", closeNow},
		{32, "transports", transports},
		{33, "a file without services", emptyFile},
	}
}
