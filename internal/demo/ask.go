package demo

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
)

// person answers the server's questions: the person at the terminal, or the demo
// instead.
type person struct {
	page   *page
	clock  Clock
	app    string
	isDemo bool
	input  *bufio.Reader
}

// readingTime is how long an answer is held back at least: the server rejects
// answers within 2 s of the question, as those of a program.
const readingTime = 2100 * time.Millisecond

// questionForm is the one field of a question.
type questionForm struct {
	name  string
	text  string
	isBox bool // a box to tick; otherwise the app's name is typed
}

func readForm(schema any) (questionForm, error) {
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
		return questionForm{}, fmt.Errorf("the question's form: %w", err)
	}
	for name, field := range form.Properties {
		if len(form.Properties) == 1 {
			return questionForm{name, field.Description, field.Type == "boolean"}, nil
		}
	}
	return questionForm{}, fmt.Errorf("the question's form has %d fields, want 1", len(form.Properties))
}

// Elicit implements [mcpclient.ElicitationHandler].
func (p *person) Elicit(ctx context.Context, request mcp.ElicitationRequest) (*mcp.ElicitationResult, error) {
	form, err := readForm(request.Params.RequestedSchema)
	if err != nil {
		return nil, err
	}
	p.page.question(request.Params.Message)
	canAnswer := p.clock.After(readingTime)
	var answer string
	if p.isDemo {
		answer = p.answerAsDemo(form)
	} else if answer, err = p.ask(ctx, form); err != nil {
		return nil, err
	}
	select {
	case <-canAnswer:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	p.page.print("")
	return form.result(answer), nil
}

// result returns the answer in the question's form. An empty answer and a no decline.
func (f questionForm) result(answer string) *mcp.ElicitationResult {
	response := mcp.ElicitationResponse{Action: mcp.ElicitationResponseActionDecline}
	switch word := strings.ToLower(answer); {
	case word == "" || word == "n" || word == "no":
	case !f.isBox:
		response.Action, response.Content = mcp.ElicitationResponseActionAccept, map[string]any{f.name: answer}
	case word == "y" || word == "yes":
		response.Action, response.Content = mcp.ElicitationResponseActionAccept, map[string]any{f.name: true}
	}
	return &mcp.ElicitationResult{ElicitationResponse: response}
}

// answerAsDemo returns the demo's own answer.
func (p *person) answerAsDemo(form questionForm) string {
	answer, display := p.app, p.app
	if form.isBox {
		answer, display = "y", "[x]"
	}
	p.page.text(form.text)
	p.page.text(fmt.Sprintf("› %s   (the demo answers after 2 s, as the server rejects faster answers)", display))
	return answer
}

// ask reads one line from the terminal.
func (p *person) ask(ctx context.Context, form questionForm) (string, error) {
	p.page.text(form.text)
	if form.isBox {
		p.page.prompt("[ ] y ticks the box, Enter declines › ")
	} else {
		p.page.prompt("Enter declines › ")
	}
	answer := make(chan string, 1)
	go func() {
		line, err := p.input.ReadString('\n')
		if err != nil {
			line = "" // at the end of the input there is no answer
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
