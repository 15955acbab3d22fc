package local

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"time"
)

// listening returns the sockets that listen on a port of this computer, in the form that they would
// have on the Machine's internal port, and the address to connect to. The address is empty if
// nothing listens.
//
// The port was given to a single command, so the sockets are that command's.
func listening(port, internal int) (sockets []string, addr string) {
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		file, err := os.Open(table)
		if err != nil {
			continue
		}
		for _, host := range listeners(file, port) {
			proto, to := "tcp", host
			if host.IsUnspecified() {
				to = netip.AddrFrom4([4]byte{127, 0, 0, 1})
			}
			if host.Is6() && host.IsUnspecified() && !accepts(netip.AddrPortFrom(to, uint16(port))) {
				proto, to = "tcp6", netip.IPv6Loopback()
			}
			sockets = append(sockets, proto+"://"+netip.AddrPortFrom(host, uint16(internal)).String())
			if addr == "" || host.IsUnspecified() {
				addr = netip.AddrPortFrom(to, uint16(port)).String()
			}
		}
		file.Close()
	}
	return sockets, addr
}

// accepts reports whether something accepts connections at an address.
func accepts(at netip.AddrPort) bool {
	conn, err := net.DialTimeout("tcp", at.String(), time.Second)
	if err != nil {
		return false
	}
	conn.Close()
	return true
}

// listeners returns the hosts that listen on a port, from a table in the format of /proc/net/tcp.
func listeners(table io.Reader, port int) []netip.Addr {
	var hosts []netip.Addr
	lines := bufio.NewScanner(table)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) < 4 || fields[3] != "0A" { // TCP_LISTEN
			continue
		}
		host, number, ok := strings.Cut(fields[1], ":")
		if n, err := strconv.ParseUint(number, 16, 16); !ok || err != nil || int(n) != port {
			continue
		}
		if addr, err := kernelAddr(host); err == nil {
			hosts = append(hosts, addr)
		}
	}
	return hosts
}

// kernelAddr parses an address as the kernel prints it: words of 32 bits in the byte order of this
// computer.
func kernelAddr(text string) (netip.Addr, error) {
	raw, err := hex.DecodeString(text)
	if err != nil || len(raw)%4 != 0 {
		return netip.Addr{}, fmt.Errorf("address %.40q", text)
	}
	var out bytes.Buffer
	for word := range len(raw) / 4 {
		_ = binary.Write(&out, binary.NativeEndian, binary.BigEndian.Uint32(raw[4*word:]))
	}
	addr, ok := netip.AddrFromSlice(out.Bytes())
	if !ok {
		return netip.Addr{}, fmt.Errorf("address %.40q", text)
	}
	return addr.Unmap(), nil
}
