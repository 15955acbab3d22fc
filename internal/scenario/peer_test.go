package scenario

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
)

// addPeer adds a WireGuard peer as another program would.
func (w *world) addPeer(name string) {
	w.t.Helper()
	var org struct {
		Data struct{ Organization struct{ ID string } }
	}
	w.graphQL(`{organization(slug:"personal"){id}}`, nil, &org)
	w.graphQL(`mutation($input: AddWireGuardPeerInput!) { addWireGuardPeer(input: $input) { peerip } }`, args{"input": args{
		"organizationId": org.Data.Organization.ID, "name": name,
		"pubkey": "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
	}}, &org)
}

// graphQL sends a request to the platform, and not to the record of the journey.
func (w *world) graphQL(query string, variables args, out any) {
	w.t.Helper()
	body, err := json.Marshal(args{"query": query, "variables": variables})
	if err != nil {
		w.t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(w.t.Context(), http.MethodPost, "http://127.0.0.1/graphql", bytes.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+w.Token())
	response, err := w.Transport().RoundTrip(r)
	if err != nil {
		w.t.Fatal(err)
	}
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	if err == nil {
		err = json.Unmarshal(data, out)
	}
	if err != nil || bytes.Contains(data, []byte(`"errors"`)) {
		w.t.Fatalf("%v: %s", err, data)
	}
}
