package plan

import "github.com/flycast-mcp/flycast-mcp/internal/gate"

// Limits that tests compute with.
const (
	AheadLines      = aheadLines
	AheadCharacters = aheadCharacters
	LineLimit       = lineLimit
)

// FactSentence is factSentence.
func FactSentence(changed string) string { return factSentence(changed) }

// WordOf is verbWord.
func WordOf(verb gate.Verb) VerbWord { return verbWord(verb) }
