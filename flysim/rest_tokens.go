package flysim

import (
	"net/http"
	"time"
)

// tokenRecord is what a token is for.
type tokenRecord struct {
	ID           string   `json:"token_id"`
	Organization string   `json:"organization,omitempty"`
	OrgSlug      string   `json:"org_slug,omitempty"`
	Apps         []string `json:"apps,omitempty"`
	User         string   `json:"user,omitempty"`
}

// currentToken returns what the tokens of the request are for. A person's token covers every
// organization and names none.
func currentToken(req *apiRequest) apiAnswer {
	s := req.platform.state
	rows := []tokenRecord{}
	for _, t := range req.grant.held {
		row := tokenRecord{ID: t.id, OrgSlug: t.scope.Org}
		if t.scope.App != "" {
			row.Apps, row.OrgSlug = []string{t.scope.App}, s.owner(t.scope.App)
		}
		if org := s.organization(row.OrgSlug); org != nil {
			row.Organization = org.name
		} else {
			row.User = userEmail
		}
		rows = append(rows, row)
	}
	return reply(http.StatusOK, map[string][]tokenRecord{"tokens": rows})
}

// defaultTokenLife is how long a deploy token lasts without an expiry: 20 years (flyctl, tokens
// create).
const defaultTokenLife = 20 * 365 * 24 * time.Hour

// createDeployToken creates a token for the app of the path.
func createDeployToken(req *apiRequest) apiAnswer {
	var in struct {
		Expiry string `json:"expiry"` // a duration
	}
	if err := req.decode(&in); err != nil {
		return refuse(err)
	}
	a, err := req.app()
	if err != nil {
		return refuse(err)
	}
	life := defaultTokenLife
	if in.Expiry != "" {
		if life, err = time.ParseDuration(in.Expiry); err != nil || life <= 0 {
			return refuse(invalid("invalid_argument: expiry is no duration"))
		}
	}
	scope := Scope{Kind: TokenApp, App: a.name, Name: "deploy", Expires: req.now.Add(life)}
	t, err := req.platform.state.mintMacaroon(a.organization, scope, req.now)
	if err != nil {
		return refuse(err)
	}
	return reply(http.StatusOK, map[string]string{"token": t.secret})
}
