package main

import (
	"fmt"
	"os"
	"strings"
)

// This file has the commands that results give to a person.

// approvalCommand returns the exact command with which a person approves a ticket
// of this installation: their shell may have another PATH and other folders than
// the client that started the server.
func approvalCommand(state string) func(ticket string) string {
	name := executable()
	return func(ticket string) string {
		if ticket == "" {
			return shellQuote(name) + " approve --init"
		}
		return fmt.Sprintf("%s approve --state-dir %s %s", shellQuote(name), shellQuote(state), ticket)
	}
}

// undoCommandLine returns the exact command with which a person undoes a run.
func undoCommandLine(state string) func(id string) string {
	return func(id string) string {
		return fmt.Sprintf("%s undo --state-dir %s %s", shellQuote(executable()), shellQuote(state), id)
	}
}

// executable returns the path of this program, for commands that a person pastes.
func executable() string {
	if exe, err := os.Executable(); err == nil {
		return exe
	}
	return "flycast-mcp"
}

// shellQuote returns text as one word of a POSIX shell.
func shellQuote(word string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' ||
			strings.ContainsRune("-_./:@%+=,", r)
	}
	if word != "" && strings.IndexFunc(word, func(r rune) bool { return !plain(r) }) < 0 {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

// recoverCommand returns the exact command with which a person starts a new journal.
func recoverCommand(state string) string {
	return fmt.Sprintf("%s journal recover --state-dir %s", shellQuote(executable()), shellQuote(state))
}
