package flysim_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/flycast-mcp/flycast-mcp/flysim"
)

// TestListenGuard sends what a web page can make a browser send. The token is public, so a page
// whose name was rebound to the loopback address would have it.
func TestListenGuard(t *testing.T) {
	p := flysim.New(flysim.Options{})
	server, err := p.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	_, port, _ := strings.Cut(strings.TrimPrefix(server.URL, "http://"), ":")
	tests := []struct {
		name, host, header, value string
		want                      int
	}{
		{"a client", "127.0.0.1:" + port, "", "", http.StatusCreated},
		{"a client that says localhost", "localhost:" + port, "", "", http.StatusCreated},
		{"a rebound name", "rebound.example:" + port, "", "", http.StatusForbidden},
		{"a rebound name that looks right", "127.0.0.1.example:" + port, "", "", http.StatusForbidden},
		{"another port", "127.0.0.1:1", "", "", http.StatusForbidden},
		{"a form of a page", "127.0.0.1:" + port, "Origin", "https://shop.example", http.StatusForbidden},
		{"a page without an origin", "127.0.0.1:" + port, "Origin", "null", http.StatusForbidden},
		{"a picture in a page", "127.0.0.1:" + port, "Sec-Fetch-Site", "cross-site", http.StatusForbidden},
	}
	for i, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			name := "app-" + string(rune('a'+i))
			r, err := http.NewRequestWithContext(t.Context(), "POST", server.URL+"/v1/apps",
				strings.NewReader(`{"app_name":"`+name+`","org_slug":"personal"}`))
			if err != nil {
				t.Fatal(err)
			}
			r.Host = tt.host
			r.Header.Set("Authorization", "Bearer "+p.Token())
			if tt.header != "" {
				r.Header.Set(tt.header, tt.value)
			}
			res, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			if res.StatusCode != tt.want {
				t.Errorf("status %d, want %d", res.StatusCode, tt.want)
			}
			made := false
			for _, app := range p.AppNames() {
				made = made || app == name
			}
			if made != (tt.want == http.StatusCreated) {
				t.Errorf("the app was created: %v", made)
			}
		})
	}
}
