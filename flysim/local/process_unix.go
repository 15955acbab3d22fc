//go:build unix

package local

import (
	"os"
	"syscall"
)

// signalGroup sends a signal to a command and to all processes that it started. A name other than
// those of the signals that stop programs means SIGINT.
func signalGroup(p *os.Process, name string) {
	signal, ok := map[string]syscall.Signal{
		"SIGINT": syscall.SIGINT, "SIGTERM": syscall.SIGTERM, "SIGQUIT": syscall.SIGQUIT, "SIGHUP": syscall.SIGHUP,
		"SIGUSR1": syscall.SIGUSR1, "SIGUSR2": syscall.SIGUSR2, "SIGKILL": syscall.SIGKILL, "SIGABRT": syscall.SIGABRT,
	}[name]
	if !ok {
		signal = syscall.SIGINT
	}
	_ = syscall.Kill(-p.Pid, signal) // fails if the command has ended
}

func killGroup(p *os.Process) { _ = syscall.Kill(-p.Pid, syscall.SIGKILL) }

// suspend stops the command and all processes that it started, and reports whether that worked.
func suspend(p *os.Process) bool { return syscall.Kill(-p.Pid, syscall.SIGSTOP) == nil }

func resume(p *os.Process) { _ = syscall.Kill(-p.Pid, syscall.SIGCONT) }

// exitCode returns the exit code of a process that has ended: 128 plus the number of the signal if
// a signal ended it.
func exitCode(state *os.ProcessState) int {
	if state == nil {
		return 1
	}
	if status, ok := state.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return 128 + int(status.Signal())
	}
	return state.ExitCode()
}
