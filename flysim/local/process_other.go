//go:build !unix

package local

import (
	"os"
	"syscall"
)

func attributes() *syscall.SysProcAttr { return nil }

// signalGroup ends a command at once, because there are no signals here.
func signalGroup(p *os.Process, _ string) { _ = p.Kill() }

func killGroup(p *os.Process) { _ = p.Kill() }

// suspend is not possible here: the command is ended, and started again later.
func suspend(*os.Process) bool { return false }

func resume(*os.Process) {}

func exitCode(state *os.ProcessState) int {
	if state == nil {
		return 1
	}
	return state.ExitCode()
}
