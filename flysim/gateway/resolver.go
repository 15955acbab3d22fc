package gateway

import (
	"encoding/binary"
	"io"
	"net"
	"net/netip"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/flycast-mcp/flycast-mcp/internal/netstack"
)

// idle is how long the resolver waits for the next question of a socket.
const idle = 5 * time.Second

// ttl is how long answers may be remembered, in seconds.
const ttl = 5

// serveUDP answers the questions of one socket to the resolver; other packets are dropped.
func (g *Gateway) serveUDP(f netstack.Flow, socket net.Conn) {
	defer socket.Close()
	if f.To.Port() != portDNS || f.To.Addr() != resolverOf(f.From.Addr()) {
		return
	}
	question := make([]byte, netstack.MTU)
	for {
		_ = socket.SetReadDeadline(time.Now().Add(idle))
		n, err := socket.Read(question)
		if err != nil {
			return
		}
		answer := g.answer(f.From.Addr(), question[:n])
		if answer == nil {
			return
		}
		if _, err := socket.Write(answer); err != nil {
			return
		}
	}
}

// answerTCP answers the questions of one connection.
func (g *Gateway) answerTCP(f netstack.Flow, caller net.Conn) {
	for {
		_ = caller.SetDeadline(time.Now().Add(idle))
		var size [2]byte
		if _, err := io.ReadFull(caller, size[:]); err != nil {
			return
		}
		question := make([]byte, binary.BigEndian.Uint16(size[:]))
		if _, err := io.ReadFull(caller, question); err != nil {
			return
		}
		answer := g.answer(f.From.Addr(), question)
		if answer == nil {
			return
		}
		framed := append(binary.BigEndian.AppendUint16(nil, uint16(len(answer))), answer...)
		if _, err := caller.Write(framed); err != nil {
			return
		}
	}
}

// answer returns the answer to a question of a caller; nil if it is not a question.
func (g *Gateway) answer(from netip.Addr, question []byte) []byte {
	return answerWith(question, func(name string) ([]netip.Addr, bool) { return g.lookup(from, name) })
}

// answerWith answers a question from a list of names.
func answerWith(question []byte, lookup func(name string) ([]netip.Addr, bool)) []byte {
	var p dnsmessage.Parser
	header, err := p.Start(question)
	if err != nil || header.Response {
		return nil
	}
	q, err := p.Question()
	if err != nil {
		return nil
	}
	list, exists := lookup(q.Name.String())
	out := dnsmessage.Header{ID: header.ID, Response: true, Authoritative: true, RecursionDesired: header.RecursionDesired,
		RecursionAvailable: true}
	if !exists {
		out.RCode = dnsmessage.RCodeNameError
	}
	b := dnsmessage.NewBuilder(nil, out)
	b.EnableCompression()
	if b.StartQuestions() != nil || b.Question(q) != nil || b.StartAnswers() != nil {
		return nil
	}
	for _, ip := range list {
		if q.Type != dnsmessage.TypeAAAA {
			break
		}
		head := dnsmessage.ResourceHeader{Name: q.Name, Class: dnsmessage.ClassINET, TTL: ttl}
		if b.AAAAResource(head, dnsmessage.AAAAResource{AAAA: ip.As16()}) != nil {
			return nil
		}
	}
	answer, err := b.Finish()
	if err != nil {
		return nil
	}
	return answer
}
