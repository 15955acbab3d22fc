//go:build unix

package local

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestGuardList checks that the guard kills the groups on its list, and no group that was removed
// from it.
func TestGuardList(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "homes")
	if err := os.MkdirAll(filepath.Join(folder, "one"), 0o700); err != nil {
		t.Fatal(err)
	}
	g, err := newGuard(folder)
	if err != nil {
		t.Fatal(err)
	}
	var commands []*exec.Cmd
	for range 3 {
		c := exec.Command("/bin/cat")
		in, err := c.StdinPipe() // the command ends when it is closed
		if err != nil {
			t.Fatal(err)
		}
		defer in.Close()
		c.SysProcAttr = attributes()
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		if err := g.add(c.Process); err != nil {
			t.Fatal(err)
		}
		commands = append(commands, c)
	}
	g.remove(commands[1].Process)
	g.close()
	for i, c := range commands {
		if i == 1 {
			if err := c.Process.Signal(os.Interrupt); err != nil {
				t.Errorf("the command that was removed from the list has ended: %v", err)
			}
		}
		_ = c.Wait() // ProcessState has the result
		if got, want := exitCode(c.ProcessState), map[bool]int{true: 130, false: 137}[i == 1]; got != want {
			t.Errorf("command %d ended with %d, want %d", i, got, want)
		}
	}
	if _, err := os.Stat(folder); err == nil {
		t.Error("the folder still exists")
	}
}

// TestGuardGone checks that a guard which was killed is reported, and that nothing waits for it.
func TestGuardGone(t *testing.T) {
	g, err := newGuard(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := g.process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-g.ended
	me, err := os.FindProcess(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if g.add(me) == nil {
		t.Error("no error")
	}
	g.remove(me)
	g.close()
}
