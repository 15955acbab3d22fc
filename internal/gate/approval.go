package gate

// Channel is how a plan was approved.
type Channel string

// The channels. ChannelNone is for plans that need no question.
const (
	ChannelElicitation Channel = "elicitation"
	ChannelTerminal    Channel = "terminal"
	ChannelPolicy      Channel = "policy"
	ChannelNone        Channel = "none"
)

// Approval says who approved a plan: a person in the client, a person's key in a
// terminal, a rule of the operator's policy, or nobody if no approval was needed.
type Approval struct {
	Channel Channel
	By      string // key id or name of the rule
}
