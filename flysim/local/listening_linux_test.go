package local

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
)

// TestListeners parses tables as the kernel of a little-endian computer prints them.
func TestListeners(t *testing.T) {
	const table = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1 0 100 0 0 10 0
   1: 00000000:1F91 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1 0 100 0 0 10 0
   2: 00000000:1F90 0100007F:C350 01 00000000:00000000 00:00000000 00000000     0        0 1 1 0 100 0 0 10 0
   3: 00000000000000000000000001000000:1F90 00000000000000000000000000000000:0000 0A 0 0 0
   4: nonsense:1F90 00000000:0000 0A
   5: 00:1F90 00000000:0000 0A
`
	if addr, err := kernelAddr("0100007F"); err != nil || addr != netip.MustParseAddr("127.0.0.1") {
		t.Skipf("this computer has another byte order: %s, %v", addr, err)
	}
	got := listeners(strings.NewReader(table), 8080)
	if want := []netip.Addr{netip.MustParseAddr("127.0.0.1"), netip.IPv6Loopback()}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
