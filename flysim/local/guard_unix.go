//go:build unix

package local

import (
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// guardScript reads which process groups there are until its input ends, as it
// does however this program ends, kills those and removes the folder $1. What
// is killed may still make a file while the folder is being removed.
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

// guardPatience is how long the guard may take to read a line, or to end.
const guardPatience = 5 * time.Second

// guard is a process that outlives this program just long enough to end what
// its commands have started, which nothing else does after a SIGKILL. A nil
// guard does nothing.
type guard struct {
	process *os.Process
	pipe    *os.File      // what it reads
	ended   chan struct{} // closed when it has
}

// newGuard starts a guard over a folder. It is in a session of its own, or the
// terminal's Ctrl-C would end it first.
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
		_ = out.Close() // nobody reads it
		return nil, err
	}
	g := &guard{cmd.Process, out, make(chan struct{})}
	go func() {
		defer close(g.ended)
		_ = cmd.Wait() // there is nobody to tell
	}()
	return g, nil
}

// add puts the process group of a command on the guard's list.
func (g *guard) add(p *os.Process) error { return g.tell("+", p) }

// remove takes it off: its number may soon be another's, which a guard that
// cannot be told would kill.
func (g *guard) remove(p *os.Process) {
	if g.tell("-", p) != nil {
		_ = g.process.Kill() // unless it has ended
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

// close lets it remove the folder and waits for its end.
func (g *guard) close() {
	if g == nil {
		return
	}
	_ = g.pipe.Close() // its end is what is waited for
	timer := time.NewTimer(guardPatience)
	defer timer.Stop()
	select {
	case <-g.ended:
	case <-timer.C:
		_ = g.process.Kill()
	}
}
