//go:build unix

package local

import (
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// guardScript reads lines about process groups until its input ends, which happens however this
// program ends. Then it kills the remaining groups and removes the folder $1. A process that is
// being killed may still create a file while the folder is removed.
const guardScript = `
groups=
while read -r sign group; do
	case $sign in
	+) groups="$groups $group" ;;
	-)
		kept=
		for g in $groups; do
			[ "$g" = "$group" ] || kept="$kept $g"
		done
		groups=$kept
		;;
	esac
done
for g in $groups; do
	kill -s KILL -- "-$g"
done
rm -rf -- "$1" || {
	sleep 1
	rm -rf -- "$1"
}
`

// guardPatience is how long the guard may take to read a line or to end.
const guardPatience = 5 * time.Second

// guard is a process that outlives this program just long enough to kill the processes that its
// commands started. After a SIGKILL of this program nothing else would do that. A nil guard does
// nothing.
type guard struct {
	process *os.Process
	pipe    *os.File      // its input
	ended   chan struct{} // closed when the process has ended
}

// newGuard starts a guard over a folder. The guard has its own session; otherwise the terminal's
// Ctrl-C would end it first.
func newGuard(folder string) (*guard, error) {
	in, out, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer in.Close()
	cmd := exec.Command("/bin/sh", "-c", guardScript, "flycast-guard", folder)
	cmd.Stdin = in
	cmd.Dir = "/"
	cmd.Env = []string{"PATH=/usr/bin:/bin"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		_ = out.Close() // its output is not needed
		return nil, err
	}
	g := &guard{cmd.Process, out, make(chan struct{})}
	go func() {
		defer close(g.ended)
		_ = cmd.Wait() // the result does not matter
	}()
	return g, nil
}

// add registers the process group of a command.
func (g *guard) add(p *os.Process) error { return g.tell("+", p) }

// remove unregisters a process group, whose number may soon belong to another one. A guard that
// cannot be reached would kill that one, so it is killed itself.
func (g *guard) remove(p *os.Process) {
	if g.tell("-", p) != nil {
		_ = g.process.Kill() // fails if it has ended
	}
}

func (g *guard) tell(sign string, p *os.Process) error {
	if g == nil {
		return nil
	}
	if err := g.pipe.SetWriteDeadline(time.Now().Add(guardPatience)); err != nil {
		return err
	}
	_, err := fmt.Fprintf(g.pipe, "%s %d\n", sign, p.Pid)
	return err
}

// close makes the guard remove the folder, and waits for its end.
func (g *guard) close() {
	if g == nil {
		return
	}
	_ = g.pipe.Close() // the end of the process is awaited below
	timer := time.NewTimer(guardPatience)
	defer timer.Stop()
	select {
	case <-g.ended:
	case <-timer.C:
		_ = g.process.Kill()
	}
}
