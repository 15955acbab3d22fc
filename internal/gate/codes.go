package gate

// Code names why a call did not do what it was asked to do. The codes are part
// of the tools' contract: clients and prompts match on them.
type Code string

// Codes of approval.
const (
	Declined     Code = "declined"      // a person said no
	NotConfirmed Code = "not_confirmed" // box unticked or name wrong, after one re-ask
	NoAnswer     Code = "no_answer"     // the limit passed
	Unavailable  Code = "unavailable"   // no channel, or the client answered by itself
	Expired      Code = "expired"       // a ticket, a draft or a question is too old
	Replayed     Code = "replayed"      // an approval was used before
	Stale        Code = "stale"         // the state moved since the approval
	Blocked      Code = "blocked"       // the operator's policy, or its cap
)

// Codes of everything else.
const (
	Precondition  Code = "precondition"
	InvalidInput  Code = "invalid_input"
	NotFound      Code = "not_found"
	Unauthorized  Code = "unauthorized"
	Busy          Code = "busy"
	RateLimited   Code = "rate_limited"
	PlatformError Code = "platform_error"
	VerifyFailed  Code = "verify_failed"
	Internal      Code = "internal"
)

// Retry says when calling again makes sense.
type Retry string

// The five answers to "shall I try again?".
const (
	RetryNow         Retry = "now"
	RetryAfterWait   Retry = "after_wait"
	RetryAfterFix    Retry = "after_fix"
	RetryAfterPerson Retry = "after_person"
	RetryNever       Retry = "never"
)

// Retry is the contract's answer for a code; empty for an unknown one.
func (c Code) Retry() Retry {
	switch c {
	case Expired, Replayed, Stale, PlatformError:
		return RetryNow
	case Busy, RateLimited:
		return RetryAfterWait
	case Precondition, InvalidInput, VerifyFailed:
		return RetryAfterFix
	case NotConfirmed, NoAnswer, Unavailable, NotFound, Unauthorized:
		return RetryAfterPerson
	case Declined, Blocked, Internal:
		return RetryNever
	}
	return ""
}
