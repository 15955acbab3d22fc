package gate

// Code names why a call did not do what it was asked to do. Clients and prompts
// match on codes: they do not change.
type Code string

// Codes of approval.
const (
	Declined     Code = "declined"
	NotConfirmed Code = "not_confirmed"
	NoAnswer     Code = "no_answer"
	Unavailable  Code = "unavailable"
	Expired      Code = "expired"
	Replayed     Code = "replayed"
	Stale        Code = "stale"
	Blocked      Code = "blocked"
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

// The five answers to "should I try again?".
const (
	RetryNow         Retry = "now"
	RetryAfterWait   Retry = "after_wait"
	RetryAfterFix    Retry = "after_fix"
	RetryAfterPerson Retry = "after_person"
	RetryNever       Retry = "never"
)

// CodeWord is what a code means, in words.
type CodeWord struct {
	Code     Code
	Retry    Retry
	Sentence string
}

// Codes returns what each code means, in the contract's order: for results and
// docs/tools.md.
func Codes() []CodeWord {
	return []CodeWord{
		{Declined, RetryNever, "a person said no"},
		{NotConfirmed, RetryAfterPerson, "the box was not ticked, or the app's name was wrong, twice"},
		{NoAnswer, RetryAfterPerson, "nobody answered in time"},
		{Unavailable, RetryAfterPerson, "no person could be asked, or a program answered"},
		{Expired, RetryNow, "the question, ticket or draft is too old"},
		{Replayed, RetryNow, "the approval was already used"},
		{Stale, RetryNow, "something changed after the approval"},
		{Blocked, RetryNever, "the operator's settings do not allow it"},
		{Precondition, RetryAfterFix, "the app is not ready: see blockers"},
		{InvalidInput, RetryAfterFix, "an argument or the file is not valid"},
		{NotFound, RetryAfterPerson, "what the call names does not exist, or the token does not show it"},
		{Unauthorized, RetryAfterPerson, "the token does not allow it"},
		{Busy, RetryAfterWait, "another call is changing the app"},
		{RateLimited, RetryAfterWait, "Fly accepts no more requests for now"},
		{PlatformError, RetryNow, "Fly failed, or its answer was lost"},
		{VerifyFailed, RetryAfterFix, "the change could not be confirmed by reading it back"},
		{Internal, RetryNever, "the server failed"},
	}
}

// Retry returns when to call again; empty for an unknown code.
func (c Code) Retry() Retry { return c.word().Retry }

// Sentence returns what the code means; empty for an unknown code.
func (c Code) Sentence() string { return c.word().Sentence }

func (c Code) word() CodeWord {
	for _, w := range Codes() {
		if w.Code == c {
			return w
		}
	}
	return CodeWord{}
}
