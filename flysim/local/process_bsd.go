//go:build unix && !linux

package local

import "syscall"

// attributes let a command have a process group of its own.
func attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
