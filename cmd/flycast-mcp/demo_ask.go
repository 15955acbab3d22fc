package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/flycast-mcp/flycast-mcp/internal/cli"
)

// asker puts the server's questions before a person in the terminal, or
// answers in the person's place.
type asker struct {
	program
	page    *page
	app     string
	inPlace bool
	typed   *bufio.Reader
}

// reading is how long an answer is held back at least: the server takes one
// that comes within 2 s of the question for a program's.
const reading = 2100 * time.Millisecond

// interactive reports that a person can be asked.
func interactive(p program) bool {
	_, in := cli.Terminal(p.stdin)
	_, out := cli.Terminal(p.stdout)
	return in && out
}

// demoForm is the one field of a question.
type demoForm struct {
	name string
	text string
	box  bool // else the app's name is typed
}

func readForm(schema any) (demoForm, error) {
	var form struct {
		Properties map[string]struct {
			Type        string
			Description string
		}
	}
	body, err := json.Marshal(schema)
	if err == nil {
		err = json.Unmarshal(body, &form)
	}
	if err != nil {
		return demoForm{}, fmt.Errorf("the question's form: %w", err)
	}
	for name, field := range form.Properties {
		if len(form.Properties) == 1 {
			return demoForm{name, field.Description, field.Type == "boolean"}, nil
		}
	}
	return demoForm{}, fmt.Errorf("the question's form has %d fields, want 1", len(form.Properties))
}

// Elicit implements [mcpclient.ElicitationHandler].
func (a *asker) Elicit(ctx context.Context, request mcp.ElicitationRequest) (*mcp.ElicitationResult, error) {
	form, err := readForm(request.Params.RequestedSchema)
	if err != nil {
		return nil, err
	}
	a.page.question(request.Params.Message)
	read := a.clock.After(reading)
	var answer string
	if a.inPlace {
		answer = a.standIn(form)
	} else if answer, err = a.askPerson(ctx, form); err != nil {
		return nil, err
	}
	select {
	case <-read:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	a.page.print("")
	return form.result(answer), nil
}

// result is the answer as the form wants it. Nothing typed, and any kind of no,
// declines.
func (f demoForm) result(answer string) *mcp.ElicitationResult {
	response := mcp.ElicitationResponse{Action: mcp.ElicitationResponseActionDecline}
	switch word := strings.ToLower(answer); {
	case word == "" || word == "n" || word == "no":
	case !f.box:
		response.Action, response.Content = mcp.ElicitationResponseActionAccept, map[string]any{f.name: answer}
	case word == "y" || word == "yes":
		response.Action, response.Content = mcp.ElicitationResponseActionAccept, map[string]any{f.name: true}
	}
	return &mcp.ElicitationResult{ElicitationResponse: response}
}

// standIn is the demo's own answer.
func (a *asker) standIn(form demoForm) string {
	answer, shown := a.app, a.app
	if form.box {
		answer, shown = "y", "[x]"
	}
	a.page.text(form.text)
	a.page.text(fmt.Sprintf("› %s   (the demo, after 2 s: a faster answer counts as a program's, and applies nothing)", shown))
	return answer
}

// askPerson reads one line from the terminal.
func (a *asker) askPerson(ctx context.Context, form demoForm) (string, error) {
	a.page.text(form.text)
	if form.box {
		a.page.prompt("[ ] y ticks the box, Enter declines › ")
	} else {
		a.page.prompt("Enter declines › ")
	}
	answer := make(chan string, 1)
	go func() {
		line, err := a.typed.ReadString('\n')
		if err != nil {
			line = "" // the end of the input is no answer
		}
		answer <- strings.TrimSpace(line)
	}()
	select {
	case line := <-answer:
		return line, nil
	case <-ctx.Done():
		return "", ctx.Err()
	}
}
