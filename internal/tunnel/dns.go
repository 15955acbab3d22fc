package tunnel

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"strings"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

const (
	// queryTries and queryWait bound how often and how long the resolver is asked over UDP.
	queryTries = 3
	queryWait  = time.Second
	// maxAnswer is the size of the largest answer.
	maxAnswer = 4096
)

// ErrNoSuchName means that the resolver says that a name does not exist, or has no IPv6 address.
var ErrNoSuchName = errors.New("no such name")

// AAAA returns the IPv6 addresses of a name, asked of the network's resolver: see [Query].
func (t *Tunnel) AAAA(ctx context.Context, name string) ([]netip.Addr, error) {
	return Query(ctx, func(ctx context.Context, network string) (net.Conn, error) {
		if network == "udp" {
			return t.stack.DialUDP(t.resolver)
		}
		return t.stack.DialTCP(ctx, t.resolver)
	}, name)
}

// Query returns the IPv6 addresses of a name, asked of the resolver that dial connects to: over UDP,
// and over TCP if that gets no answer. The error wraps [ErrNoSuchName] if there are none.
func Query(ctx context.Context, dial func(ctx context.Context, network string) (net.Conn, error), name string) (
	[]netip.Addr, error) {
	query, id, err := newQuery(name)
	if err != nil {
		return nil, err
	}
	for range queryTries {
		answer, err := askUDP(ctx, dial, query)
		if err == nil {
			return parseAnswer(answer, id, name)
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
	}
	answer, err := askTCP(ctx, dial, query)
	if err != nil {
		return nil, fmt.Errorf("the resolver does not answer: %w", err)
	}
	return parseAnswer(answer, id, name)
}

type dialer func(ctx context.Context, network string) (net.Conn, error)

func askUDP(ctx context.Context, dial dialer, query []byte) ([]byte, error) {
	socket, err := dial(ctx, "udp")
	if err != nil {
		return nil, err
	}
	defer socket.Close()
	answer := make([]byte, maxAnswer)
	n, err := exchange(ctx, socket, queryWait, query, func(r io.Reader) (int, error) { return r.Read(answer) })
	return answer[:n], err
}

func askTCP(ctx context.Context, dial dialer, query []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	socket, err := dial(ctx, "tcp")
	if err != nil {
		return nil, err
	}
	defer socket.Close()
	framed := append(binary.BigEndian.AppendUint16(nil, uint16(len(query))), query...)
	answer := make([]byte, maxAnswer)
	n, err := exchange(ctx, socket, 5*time.Second, framed, func(r io.Reader) (int, error) {
		var size [2]byte
		if _, err := io.ReadFull(r, size[:]); err != nil {
			return 0, err
		}
		n := int(binary.BigEndian.Uint16(size[:]))
		if n > maxAnswer {
			return 0, errors.New("the answer is too large")
		}
		return io.ReadFull(r, answer[:n])
	})
	return answer[:n], err
}

// exchange sends a query and reads the answer, for a while.
func exchange(ctx context.Context, socket net.Conn, wait time.Duration, query []byte,
	read func(io.Reader) (int, error)) (int, error) {
	stop := context.AfterFunc(ctx, func() { _ = socket.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	if err := socket.SetDeadline(time.Now().Add(wait)); err != nil {
		return 0, err
	}
	if _, err := socket.Write(query); err != nil {
		return 0, err
	}
	return read(socket)
}

// newQuery returns a question for the AAAA records of a name.
func newQuery(name string) (query []byte, id uint16, err error) {
	asked, err := dnsmessage.NewName(strings.TrimSuffix(name, ".") + ".")
	if err != nil {
		return nil, 0, fmt.Errorf("%q: %w", name, err)
	}
	id = uint16(rand.Uint32())
	b := dnsmessage.NewBuilder(nil, dnsmessage.Header{ID: id, RecursionDesired: true})
	err = errors.Join(b.StartQuestions(), b.Question(dnsmessage.Question{
		Name: asked, Type: dnsmessage.TypeAAAA, Class: dnsmessage.ClassINET}))
	if err != nil {
		return nil, 0, err
	}
	query, err = b.Finish()
	return query, id, err
}

// parseAnswer returns the addresses of an answer to the question with this id, about this name.
func parseAnswer(answer []byte, id uint16, name string) ([]netip.Addr, error) {
	var p dnsmessage.Parser
	header, err := p.Start(answer)
	if err != nil {
		return nil, fmt.Errorf("the resolver's answer is unreadable: %w", err)
	}
	if header.ID != id || !header.Response {
		return nil, errors.New("the resolver's answer is for another question")
	}
	switch header.RCode {
	case dnsmessage.RCodeSuccess:
	case dnsmessage.RCodeNameError:
		return nil, fmt.Errorf("%s: %w", name, ErrNoSuchName)
	default:
		return nil, fmt.Errorf("the resolver answers %s for %s", header.RCode, name)
	}
	if err := p.SkipAllQuestions(); err != nil {
		return nil, fmt.Errorf("the resolver's answer is unreadable: %w", err)
	}
	var out []netip.Addr
	for {
		r, err := p.Answer()
		if errors.Is(err, dnsmessage.ErrSectionDone) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("the resolver's answer is unreadable: %w", err)
		}
		if a, ok := r.Body.(*dnsmessage.AAAAResource); ok {
			out = append(out, netip.AddrFrom16(a.AAAA))
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("%s has no IPv6 address: %w", name, ErrNoSuchName)
	}
	return out, nil
}
