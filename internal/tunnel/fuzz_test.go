package tunnel

import "testing"

// FuzzParseAnswer feeds the decoder of the resolver's answers.
func FuzzParseAnswer(f *testing.F) {
	query, id, err := newQuery("shop-api.flycast")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(query, id)
	f.Add([]byte{}, uint16(0))
	f.Fuzz(func(t *testing.T, answer []byte, id uint16) {
		list, err := parseAnswer(answer, id, "shop-api.flycast")
		if err == nil && len(list) == 0 {
			t.Error("no address and no error")
		}
	})
}
