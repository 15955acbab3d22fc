package local

import "syscall"

// attributes let a command have a process group of its own, and end with this
// program whatever ends that.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
