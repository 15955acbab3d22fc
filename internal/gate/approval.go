package gate

// Channel is how the answer to a question came.
type Channel string

// The channels. ChannelNone is for steps that need no question.
const (
	ChannelElicitation Channel = "elicitation"
	ChannelTerminal    Channel = "terminal"
	ChannelPolicy      Channel = "policy"
	ChannelNone        Channel = "none"
)

// Approval says who approved: a person in the client, the key of a person in a
// terminal, a rule of the operator's policy, or nobody because nobody had to.
type Approval struct {
	Channel Channel
	By      string // key id or name of the rule
}
