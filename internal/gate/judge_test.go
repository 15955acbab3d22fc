package gate

import (
	"slices"
	"testing"
	"time"
)

// Every row of the contract's "not fooled by clients".
func TestJudge(t *testing.T) {
	issued := time.Date(2026, 8, 3, 9, 30, 0, 0, time.UTC)
	expires := issued.Add(5 * time.Minute)
	const soon, read = tooFast - time.Nanosecond, 10 * time.Second
	moved := func(r *Request) {
		r.Digest = "other"
		r.Facts = []Fact{{"address/66.241.124.11", "shared_v4"}, {"address/137.66.1.1", "egress"}, {"machine/1", "a"}}
	}
	named := Reply{Action: Accept, Typed: "shop"}
	ticked := Reply{Action: Accept, Ticked: true}
	tests := []struct {
		name    string
		r       Request
		change  func(*Request)
		reply   Reply
		after   time.Duration
		used    bool
		reasked bool
		want    verdict
	}{
		{name: "right name", r: release(), reply: named, after: read, want: verdict{kind: Proceed, person: true}},
		{name: "right name in blanks", r: release(), reply: Reply{Action: Accept, Typed: " shop\n"}, after: read,
			want: verdict{kind: Proceed, person: true}},
		{name: "ticked", r: deploy(), reply: ticked, after: read, want: verdict{kind: Proceed, person: true}},
		{name: "after exactly two seconds", r: deploy(), reply: ticked, after: tooFast,
			want: verdict{kind: Proceed, person: true}},
		{name: "just in time", r: deploy(), reply: ticked, after: 5*time.Minute - 1, want: verdict{kind: Proceed,
			person: true}},
		{name: "right name at the second question", r: release(), reply: named, after: read, reasked: true,
			want: verdict{kind: Proceed, person: true}},

		{name: "fast yes", r: release(), reply: named, after: soon, want: verdict{kind: NeedsTerminal,
			code: Unavailable, close: true}},
		{name: "fast tick", r: deploy(), reply: ticked, after: 0, want: verdict{kind: NeedsTerminal,
			code: Unavailable, close: true}},
		{name: "fast no", r: release(), reply: Reply{Action: Decline}, after: soon,
			want: verdict{kind: NeedsTerminal, code: Unavailable, close: true}},
		{name: "fast cancel", r: release(), reply: Reply{Action: Cancel}, after: soon,
			want: verdict{kind: NeedsTerminal, code: Unavailable, close: true}},
		{name: "fast nonsense", r: release(), reply: Reply{Action: "yes please"}, after: soon,
			want: verdict{kind: NeedsTerminal, code: Unavailable, close: true}},
		{name: "fast to a plan that moved", r: release(), change: moved, reply: named, after: soon,
			want: verdict{kind: NeedsTerminal, code: Unavailable, close: true}},
		{name: "before it was asked", r: release(), reply: named, after: -time.Hour,
			want: verdict{kind: NeedsTerminal, code: Unavailable, close: true}},

		{name: "no", r: release(), reply: Reply{Action: Decline}, after: read, want: verdict{kind: Refuse,
			code: Declined, close: true, person: true}},
		{name: "no with the name typed", r: release(), reply: Reply{Action: Decline, Typed: "shop", Ticked: true},
			after: read, want: verdict{kind: Refuse, code: Declined, close: true, person: true}},
		{name: "a late no is a no", r: release(), reply: Reply{Action: Decline}, after: time.Hour,
			want: verdict{kind: Refuse, code: Declined, close: true, person: true}},
		{name: "no to a plan that moved", r: release(), change: moved, reply: Reply{Action: Decline}, after: read,
			want: verdict{kind: Refuse, code: Declined, close: true, person: true}},

		{name: "cancel", r: release(), reply: Reply{Action: Cancel}, after: read,
			want: verdict{kind: NeedsTerminal, code: NoAnswer, close: true}},
		{name: "cancel with the name typed", r: release(), reply: Reply{Action: Cancel, Typed: "shop",
			Ticked: true}, after: read, want: verdict{kind: NeedsTerminal, code: NoAnswer, close: true}},
		{name: "no action", r: release(), reply: Reply{Typed: "shop"}, after: read,
			want: verdict{kind: NeedsTerminal, code: NoAnswer, close: true}},
		{name: "action in capitals", r: release(), reply: Reply{Action: "ACCEPT", Typed: "shop"}, after: read,
			want: verdict{kind: NeedsTerminal, code: NoAnswer, close: true}},

		{name: "late yes", r: release(), reply: named, after: 5*time.Minute + 1, want: verdict{kind: Refuse,
			code: Expired, close: true, person: true}},
		{name: "yes in the last instant", r: release(), reply: named, after: 5 * time.Minute,
			want: verdict{kind: Refuse, code: Expired, close: true, person: true}},
		{name: "late yes to a plan that moved", r: release(), change: moved, reply: named, after: time.Hour,
			want: verdict{kind: Refuse, code: Expired, close: true, person: true}},

		{name: "stale", r: release(), change: moved, reply: named, after: read, want: verdict{
			kind: Ask, code: Stale, changed: []string{"address/137.66.1.1 changed", "machine/1 is new"}, close: true,
			person: true}},
		{name: "stale, a fact gone", r: release(), change: func(r *Request) {
			r.Digest, r.Facts = "other",
				r.Facts[:1]
		}, reply: named, after: read, want: verdict{
			kind: Ask, code: Stale, changed: []string{"address/137.66.1.1 is gone"}, close: true, person: true}},
		{name: "another call with the same facts", r: release(), change: func(r *Request) { r.Digest = "other" },
			reply: named, after: read, want: verdict{
				kind: Ask, code: Stale, changed: []string{"what is to be done"}, close: true, person: true}},
		{name: "stale and the name wrong", r: release(), change: moved, reply: Reply{Action: Accept, Typed: "no"},
			after: read, want: verdict{
				kind: Ask, code: Stale, changed: []string{"address/137.66.1.1 changed", "machine/1 is new"}, close: true,
				person: true}},

		{name: "name wrong", r: release(), reply: Reply{Action: Accept, Typed: "shp"}, after: read,
			want: verdict{kind: Ask, code: NotConfirmed, typed: "shp", close: true, person: true}},
		{name: "name in capitals", r: release(), reply: Reply{Action: Accept, Typed: "SHOP"}, after: read,
			want: verdict{kind: Ask, code: NotConfirmed, typed: "SHOP", close: true, person: true}},
		{name: "a tick where a name is needed", r: release(), reply: ticked, after: read, want: verdict{kind: Ask,
			code: NotConfirmed, close: true, person: true}},
		{name: "a name where a tick is needed", r: deploy(), reply: named, after: read, want: verdict{kind: Ask,
			code: NotConfirmed, typed: "shop", close: true, person: true}},
		{name: "box unticked", r: deploy(), reply: Reply{Action: Accept}, after: read, want: verdict{kind: Ask,
			code: NotConfirmed, close: true, person: true}},
		{name: "name wrong again", r: release(), reply: Reply{Action: Accept, Typed: "shp"}, after: read,
			reasked: true, want: verdict{kind: Refuse, code: NotConfirmed, typed: "shp", close: true, person: true}},
		{name: "box unticked again", r: deploy(), reply: Reply{Action: Accept}, after: read, reasked: true,
			want: verdict{kind: Refuse, code: NotConfirmed, close: true, person: true}},

		{name: "used", r: release(), reply: named, after: read, used: true, want: verdict{kind: Refuse, code: Replayed}},
		{name: "used, fast", r: release(), reply: named, used: true, want: verdict{kind: Refuse, code: Replayed}},
		{name: "used, no", r: release(), reply: Reply{Action: Decline}, after: read, used: true,
			want: verdict{kind: Refuse, code: Replayed}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			st := state{Tool: tt.r.Tool, App: tt.r.App, Caller: tt.r.Caller, Digest: tt.r.Digest, Issued: issued,
				Expires: expires, Reasked: tt.reasked, Facts: sumFacts(tt.r.Facts)}
			r := tt.r
			if tt.change != nil {
				tt.change(&r)
			}
			st.Seen, tt.reply.Arrived = issued, issued.Add(tt.after)
			got := st.judge(tt.reply, tt.used)
			if got.kind == Proceed {
				got = st.judgeFit(r, tt.reply)
			}
			same := got.kind == tt.want.kind && got.code == tt.want.code && got.typed == tt.want.typed &&
				got.close == tt.want.close && got.person == tt.want.person
			if !same || !slices.Equal(got.changed, tt.want.changed) {
				t.Errorf("got %+v\nwant %+v", got, tt.want)
			}
		})
	}
}
