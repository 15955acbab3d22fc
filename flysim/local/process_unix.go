//go:build unix

package local

import (
	"os"
	"syscall"
)

// signalGroup sends a signal to a command and all that it started, SIGINT if
// the name is none of a signal that stops programs.
func signalGroup(p *os.Process, name string) {
	signal, ok := map[string]syscall.Signal{
		"SIGINT": syscall.SIGINT, "SIGTERM": syscall.SIGTERM, "SIGQUIT": syscall.SIGQUIT, "SIGHUP": syscall.SIGHUP,
		"SIGUSR1": syscall.SIGUSR1, "SIGUSR2": syscall.SIGUSR2, "SIGKILL": syscall.SIGKILL, "SIGABRT": syscall.SIGABRT,
	}[name]
	if !ok {
		signal = syscall.SIGINT
	}
	_ = syscall.Kill(-p.Pid, signal) // one that has ended needs none
}

func killGroup(p *os.Process) { _ = syscall.Kill(-p.Pid, syscall.SIGKILL) }

// suspend reports whether the command and all that it started stand still.
func suspend(p *os.Process) bool { return syscall.Kill(-p.Pid, syscall.SIGSTOP) == nil }

func resume(p *os.Process) { _ = syscall.Kill(-p.Pid, syscall.SIGCONT) }

// exitCode is the code of a process that has ended: 128 and its number for one
// that a signal ended.
func exitCode(state *os.ProcessState) int {
	if state == nil {
		return 1
	}
	if status, ok := state.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return 128 + int(status.Signal())
	}
	return state.ExitCode()
}
