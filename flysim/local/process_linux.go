package local

import "syscall"

// attributes gives a command its own process group, and makes it end with this program, however
// that ends.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
