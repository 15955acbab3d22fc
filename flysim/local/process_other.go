//go:build !unix

package local

import (
	"os"
	"syscall"
)

func attributes() *syscall.SysProcAttr { return nil }

// signalGroup ends a command at once: there are no signals to ask it with.
func signalGroup(p *os.Process, _ string) { _ = p.Kill() }

func killGroup(p *os.Process) { _ = p.Kill() }

// suspend is not to be had here: the command is ended, and started anew.
func suspend(*os.Process) bool { return false }

func resume(*os.Process) {}

func exitCode(state *os.ProcessState) int {
	if state == nil {
		return 1
	}
	return state.ExitCode()
}
