//go:build unix

package call

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// A process that dies holds no app.
func TestLockEndsWithItsProcess(t *testing.T) {
	if dir := os.Getenv("LOCK_AND_HANG"); dir != "" {
		f, err := lockApp(dir, "shop-api")
		fmt.Println("locked", err)
		_, _ = bufio.NewReader(os.Stdin).ReadString('\n') // until killed
		_ = f.Close()
		return
	}
	dir := filepath.Join(t.TempDir(), "locks")
	other := exec.Command(os.Args[0], "-test.run=^TestLockEndsWithItsProcess$")
	other.Env = append(os.Environ(), "LOCK_AND_HANG="+dir)
	in, err := other.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := other.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "locked <nil>\n" {
		t.Errorf("other process: %q, %v", line, err)
	}
	if _, err := lockApp(dir, "shop-api"); !errors.Is(err, errAppLocked) {
		t.Errorf("got %v while another process has it", err)
	}
	if err := other.Process.Kill(); err != nil {
		t.Error(err)
	}
	_ = other.Wait()
	f, err := lockApp(dir, "shop-api")
	if err != nil {
		t.Fatalf("after its end: %v", err)
	}
	f.Close()
}
