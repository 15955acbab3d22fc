package state

import (
	"bufio"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/flycast-mcp/flycast-mcp/flysim"
)

var (
	kills     = flag.Int("state.kills", 4, "how often TestStateKill kills a program that writes")
	killsSeed = flag.Uint64("state.seed", 1, "decides when TestStateKill does so")
)

// stateChild is the environment variable that makes TestStateChild the program that is killed.
const stateChild = "FLYSIM_STATE_CHILD"

// TestStateKill checks that answered writes survive a kill -9 of the program while several requests
// write.
func TestStateKill(t *testing.T) {
	path := seededState(t)
	random := rand.New(rand.NewPCG(*killsSeed, 0))
	answered := make(map[string]int) // the last answered number, by Machine
	for range *kills {
		child := exec.Command(os.Args[0], "-test.run=^TestStateChild$")
		child.Env = append(os.Environ(), stateChild+"="+path)
		out, err := child.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		left := 1 + random.IntN(60)
		for lines := bufio.NewScanner(out); lines.Scan(); left-- {
			machine, text, _ := strings.Cut(lines.Text(), " ")
			n, err := strconv.Atoi(text)
			if err != nil {
				t.Fatalf("the child printed %q", lines.Text())
			}
			answered[machine] = n
			if left == 0 { // what it printed until then is read too
				_ = child.Process.Kill()
			}
		}
		if err := child.Wait(); err == nil {
			t.Fatal("the child ended by itself")
		}
		p, err := open(path, storeOptions())
		if err != nil {
			t.Fatal(err)
		}
		for machine, want := range answered {
			if got := lastNumber(t, p, machine); got < want {
				t.Errorf("Machine %s: the file has write %d, but %d was answered", machine, got, want)
			}
			host := fmt.Sprintf("%s-%d.example.com", machine, want)
			if !strings.Contains(strings.Join(hostnames(t, p), " "), host) {
				t.Errorf("the file lacks %s", host)
			}
		}
		if err := p.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if len(answered) == 0 {
		t.Error("nothing was written")
	}
}

// lastNumber returns the last number that the child wrote, or 0 if it wrote none.
func lastNumber(t *testing.T, p *flysim.Platform, machine string) int {
	t.Helper()
	metadata, err := p.MachineConfig("shop-api", machine).Metadata()
	if err != nil {
		t.Fatal(err)
	}
	n, _ := strconv.Atoi(metadata["n"])
	return n
}

func hostnames(t *testing.T, p *flysim.Platform) []string {
	t.Helper()
	site, err := p.Site("shop-api")
	if err != nil {
		t.Fatal(err)
	}
	return site.Hostnames
}

// TestStateChild writes to a file until it is killed, and prints the answered writes.
func TestStateChild(t *testing.T) {
	path := os.Getenv(stateChild)
	if path == "" {
		t.Skip("it is the child of TestStateKill")
	}
	p := openForTest(t, path)
	var writers sync.WaitGroup
	for _, machine := range p.MachineIDs("shop-api") {
		n := lastNumber(t, p, machine)
		writers.Go(func() {
			for {
				n++
				post(t, p, "/v1/apps/shop-api/machines/"+machine+"/metadata/n", fmt.Sprintf(`{"value":"%d"}`, n))
				host := fmt.Sprintf(`{"hostname":"%s-%d.example.com"}`, machine, n)
				post(t, p, "/v1/apps/shop-api/certificates/acme", host)
				fmt.Printf("%s %d\n", machine, n)
			}
		})
	}
	writers.Wait()
}
