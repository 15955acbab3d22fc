//go:build unix && !linux

package local

import "syscall"

// attributes gives a command its own process group.
func attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
