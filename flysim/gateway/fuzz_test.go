package gateway

import (
	"net/netip"
	"testing"

	"golang.org/x/net/dns/dnsmessage"
)

// FuzzAnswer feeds the decoder of questions: what it answers is a response to that question.
func FuzzAnswer(f *testing.F) {
	ip := netip.MustParseAddr("fdaa:2:1c4f:0:1::5")
	for _, kind := range []dnsmessage.Type{dnsmessage.TypeAAAA, dnsmessage.TypeA, dnsmessage.TypeALL} {
		for _, name := range []string{"shop-api.flycast.", ".", "nothing.internal."} {
			b := dnsmessage.NewBuilder(nil, dnsmessage.Header{ID: 7, RecursionDesired: true})
			if b.StartQuestions() != nil ||
				b.Question(dnsmessage.Question{Name: dnsmessage.MustNewName(name), Type: kind, Class: dnsmessage.ClassINET}) != nil {
				f.Fatal("the question cannot be built")
			}
			question, err := b.Finish()
			if err != nil {
				f.Fatal(err)
			}
			f.Add(question)
		}
	}
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, question []byte) {
		looked := 0
		answer := answerWith(question, func(name string) ([]netip.Addr, bool) {
			looked++
			if name == "nothing.internal." {
				return nil, false
			}
			return []netip.Addr{ip}, true
		})
		if answer == nil {
			return
		}
		var got dnsmessage.Message
		var p dnsmessage.Parser
		header, err := p.Start(question)
		if err != nil {
			t.Fatalf("an answer to what is not a question: %v", err)
		}
		first, err := p.Question()
		if err != nil {
			t.Fatal(err)
		}
		if err := got.Unpack(answer); err != nil {
			t.Fatalf("the answer is unreadable: %v", err)
		}
		switch {
		case looked != 1, !got.Response, got.ID != header.ID, len(got.Questions) != 1, got.Questions[0] != first:
			t.Errorf("%d names looked up; %+v is no answer to %+v", looked, got, first)
		case len(got.Answers) > 0 && (first.Type != dnsmessage.TypeAAAA || got.RCode != dnsmessage.RCodeSuccess):
			t.Errorf("%v has addresses in answer to %v", got.RCode, first.Type)
		}
	})
}
